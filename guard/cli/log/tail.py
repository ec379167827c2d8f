"""`guard log tail`: the newest exchanges, a line each."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import click

from guard.cli.errors import tell
from guard.cli.log.folder import journal_folder, journal_options
from guard.cli.options import json_option
from guard.cli.output import console, emit
from guard.evidence import following, reader

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


@click.command()
@journal_options
@click.option("-n", "--number", "count", type=click.IntRange(0), default=10, show_default=True, help="How many.")
@click.option("-f", "--follow", is_flag=True, help="Go on with each exchange as it ends, until Ctrl-C.")
@json_option
def tail(config: Path | None, journal: Path | None, count: int, follow: bool, as_json: bool) -> None:
    """Print the exchanges that started last, one a line."""
    folder = journal_folder(config, journal)
    found: Iterable[dict[str, Any]] = (
        following.follow(folder, Event(), last=count, note=tell) if follow else reader.tail(folder, count, tell)
    )
    if as_json:
        for exchange in found:
            emit(exchange)
        return
    from guard.cli.exchange import line

    screen = console()
    for exchange in found:
        screen.print(line(exchange))
