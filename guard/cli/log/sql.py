"""`guard log sql`: questions that no other command has an answer to."""

from __future__ import annotations

from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guard.cli.errors import TroubleError, tell
from guard.cli.log.folder import journal_folder, journal_options
from guard.cli.log.progress import progress
from guard.cli.options import json_option
from guard.cli.output import console
from guard.cli.times import WHEN

if TYPE_CHECKING:
    from rich.console import Console

    from guard.evidence.query import Answer

ROWS = 100
CELL = 200
NARROW, GAP = 12, 3
"""What a column of a table takes at least, if there is so much in it, and what is between two."""


@click.command()
@click.argument("query")
@click.option("--since", type=WHEN, help="Only exchanges that began then or later: 30m, 2h, 7d (ago), or ISO 8601.")
@click.option("--until", type=WHEN, help="Only exchanges that began then or before, likewise.")
@click.option("--log", multiple=True, help="Only those of this log: w1, w2, …")
@click.option("--memory", default="2GB", show_default=True, help="How much a query may take.")
@journal_options
@json_option
def sql(
    query: str,
    since: float | None,
    until: float | None,
    log: tuple[str, ...],
    memory: str,
    config: Path | None,
    journal: Path | None,
    as_json: bool,
) -> None:
    """Answer a SELECT over the table `exchanges`, with DuckDB. QUERY sees nothing but this journal."""
    from guard.cli.log.filters import check
    from guard.evidence.filters import FilterError, Filters
    from guard.evidence.query import QueryError, ask
    from guard.evidence.table import MissingExtraError

    folder = journal_folder(config, journal)
    filters = Filters(since=since, until=until, log=log)
    check(filters)
    try:
        with progress() as told:
            answer = ask(folder, query, filters, note=tell, progress=told, memory=memory)
            first = list(islice(answer.rows, ROWS))
        if as_json:
            _emit(answer, first)
        else:
            _show(answer, first)
    except (QueryError, MissingExtraError, FilterError) as error:
        raise TroubleError(str(error)) from None


def _emit(answer: Answer, first: list[tuple[Any, ...]]) -> None:
    import orjson

    names = _different(answer.columns)
    for rows in (first, answer.rows):
        for row in rows:
            click.echo(orjson.dumps(dict(zip(names, row, strict=True)), default=_plain))


def _different(names: list[str]) -> list[str]:
    """The names of columns; one that is there already gets a number."""
    found: list[str] = []
    for name in names:
        number = 1
        unique = name
        while unique in found:
            number += 1
            unique = f"{name}_{number}"
        found.append(unique)
    return found


def _plain(value: Any) -> Any:
    """What JSON has for a value that it has no word for."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and abs(value) < 2**63 else float(value)
    return value.hex() if isinstance(value, bytes) else str(value)


def _show(answer: Answer, first: list[tuple[Any, ...]]) -> None:
    screen = console()
    if sum(min(_width(name, first, place), NARROW) + GAP for place, name in enumerate(answer.columns)) > screen.width:
        _one_below_the_other(screen, answer.columns, first)
    else:
        _side_by_side(screen, answer.columns, first)
    if next(iter(answer.rows), None) is not None:
        screen.print(f"… and more than these {ROWS} rows; --json prints all")


def _width(name: str, rows: list[tuple[Any, ...]], place: int) -> int:
    return max(len(name), *(len(_cell(row[place])) for row in rows), 0)


def _side_by_side(screen: Console, names: list[str], rows: list[tuple[Any, ...]]) -> None:
    from rich import box
    from rich.table import Table

    from guard.cli.visible import visible

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, name in enumerate(names):
        numbers = all(isinstance(row[place], int | float | Decimal | None) for row in rows)
        table.add_column(visible(name), overflow="fold", justify="right" if numbers else "left")
    for row in rows:
        table.add_row(*(visible(_cell(value)) for value in row))
    screen.print(table)


def _one_below_the_other(screen: Console, names: list[str], rows: list[tuple[Any, ...]]) -> None:
    """For columns that would be too narrow side by side: a line for each value."""
    from guard.cli.visible import visible

    wide = max(map(len, names))
    for number, row in enumerate(rows, 1):
        screen.print(f"--- row {number}")
        for name, value in zip(names, row, strict=True):
            screen.print(f"{visible(name):<{wide}}  {visible(_cell(value))}")


def _cell(value: Any) -> str:
    text = "-" if value is None else str(value)
    return text if len(text) <= CELL else text[: CELL - 1] + "…"
