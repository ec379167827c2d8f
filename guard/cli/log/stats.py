"""`guard log stats`: what the exchanges come to."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guard.cli.errors import tell
from guard.cli.log.filters import filter_options
from guard.cli.log.folder import journal_folder, journal_options
from guard.cli.log.progress import progress
from guard.cli.options import json_option
from guard.cli.output import console, emit
from guard.evidence.summary import GROUPS

if TYPE_CHECKING:
    from rich.console import Console

    from guard.evidence.filters import Filters


@click.command()
@filter_options
@click.option("--by", type=click.Choice(tuple(GROUPS)), help="Count each of these apart, too.")
@click.option("--top", type=click.IntRange(1), default=10, show_default=True, help="How many rows of a table.")
@journal_options
@json_option
def stats(filters: Filters, by: str | None, top: int, config: Path | None, journal: Path | None, as_json: bool) -> None:
    """Count the exchanges that `guard log search` would print: ends, callers, rules, tokens, durations."""
    from guard.evidence.scan import Scan
    from guard.evidence.summary import Summary

    summary = Summary(by)
    folder = journal_folder(config, journal)
    with progress() as told:
        for made in Scan(folder, filters, partial(Summary, by), note=tell, progress=told).run():
            summary.update(made)
    if as_json:
        emit(summary.told())
    else:
        _show(console(), summary.told(), by, top)


def _show(screen: Console, told: dict[str, Any], by: str | None, top: int) -> None:
    from guard.cli.exchange import time_of

    tokens = told["tokens"]
    if not told["exchanges"]:
        screen.print("no exchanges")
    else:
        screen.print(f"{told['exchanges']} exchanges, {time_of(told['from'])} to {time_of(told['to'])}")
        screen.print(f"{tokens['input_tokens']} tokens in, {tokens['output_tokens']} out")
    for name, percentiles in told["timings"].items():
        if percentiles:
            parts = (f"{label} {value / 1000:.1f} ms" for label, value in percentiles.items())
            screen.print(f"{name.removesuffix('_us'):<11} {', '.join(parts)}")
    for name in ("end", "reason", "status", "version", "client", "account", "address", "route", "rule"):
        if counts := told[name]:
            _table(screen, (name, "exchanges"), list(counts.items()), top)
    if refusals := told["refusals"]["count"]:
        screen.print(f"and {refusals} refusals that were only counted:\n")
        for name in ("reason", "client"):
            _table(screen, (name, "refusals"), list(told["refusals"][name].items()), top)
    if by is not None:
        _groups(screen, told["by"], by, top)


def _groups(screen: Console, groups: list[dict[str, Any]], by: str, top: int) -> None:
    names = (by, "exchanges", "complete", "refused", "tokens", "p50 ms", "p99 ms")
    rows = []
    for group in groups:
        total = group["timings"]["total_us"] or {}
        times = (f"{total[name] / 1000:.1f}" if total else "-" for name in ("p50", "p99"))
        ends = (group["end"].get(name, 0) for name in ("complete", "refused"))
        rows.append((group["group"], group["exchanges"], *ends, group["tokens"]["total_tokens"], *times))
    # The newest times are the last ones; of anything else the most frequent come first.
    timed = by in ("minute", "hour", "day")
    _table(screen, names, rows[-top:] if timed else rows, top, len(rows) - top if timed else 0)


def _table(screen: Console, names: tuple[str, ...], rows: list[Any], top: int, before: int = 0) -> None:
    from rich import box
    from rich.table import Table

    from guard.cli.visible import visible

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, name in enumerate(names):
        table.add_column(name, justify="right" if number else "left", overflow="fold")
    for row in rows[:top]:
        table.add_row(*(visible(str(value)) for value in row))
    screen.print(table)
    left = before or len(rows) - top
    if left > 0:
        screen.print(f"… and {left} more; --top shows more rows, --json all")
