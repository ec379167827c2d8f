"""`guard log`: what the journal says."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import click

from guard.cli.errors import TroubleError, tell
from guard.cli.options import config_option, configuration, json_option
from guard.cli.output import console, emit
from guard.journal import reader

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


@click.group()
def log() -> None:
    """Read the journal: every prompt and output that passed."""


@log.command()
@config_option
@click.option("-n", "--number", "count", type=click.IntRange(0), default=10, show_default=True, help="How many.")
@click.option("-f", "--follow", is_flag=True, help="Go on with each exchange as it ends, until Ctrl-C.")
@json_option
def tail(config: Path | None, count: int, follow: bool, as_json: bool) -> None:
    """Print the exchanges that started last, one a line."""
    folder = journal_folder(config)
    found: Iterable[dict[str, Any]] = (
        reader.follow(folder, Event(), last=count, note=tell) if follow else reader.tail(folder, count, tell)
    )
    if as_json:
        for exchange in found:
            emit(exchange)
        return
    from guard.cli.exchange import line

    screen = console()
    for exchange in found:
        screen.print(line(exchange))


@log.command()
@click.argument("id")
@config_option
@json_option
def show(id: str, config: Path | None, as_json: bool) -> None:
    """Print all that the journal has of the exchange ID (the answer's x-guard-id header)."""
    exchange = reader.find(journal_folder(config), id, tell)
    if exchange is None:
        raise TroubleError(f"the journal has no exchange {id}; `guard log tail` lists the newest")
    if as_json:
        emit(exchange)
        return
    from guard.cli.exchange import page

    console().print(page(exchange))


def journal_folder(config: Path | None) -> Path:
    """The folder the configured journal is in.

    Raises:
        TroubleError: there is none.
    """
    settings = configuration(config)
    folder = Path(settings.state) / settings.journal.dir
    if not folder.is_dir():
        raise TroubleError(f"there is no journal at {folder}; `guard serve` begins one")
    return folder
