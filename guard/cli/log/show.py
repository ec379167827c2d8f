"""`guard log show ID`: one exchange, whole."""

from __future__ import annotations

from pathlib import Path

import click

from guard.cli.errors import TroubleError, tell
from guard.cli.log.folder import journal_folder, journal_options
from guard.cli.log.progress import progress
from guard.cli.options import json_option
from guard.cli.output import console, emit
from guard.evidence import reader


@click.command()
@click.argument("id")
@journal_options
@json_option
def show(id: str, config: Path | None, journal: Path | None, as_json: bool) -> None:
    """Print all that the journal has of the exchange ID (the answer's x-guard-id header)."""
    folder = journal_folder(config, journal)
    with progress() as told:
        exchange = reader.find(folder, id, tell, told)
    if exchange is None:
        if gone := reader.deleted(folder, id):
            raise TroubleError(
                f"the journal has no exchange {id}; records of its time were deleted ({', '.join(gone)}): the control "
                "log and their tombstones tell by whom and why"
            )
        raise TroubleError(f"the journal has no exchange {id}; `guard log tail` lists the newest")
    if as_json:
        emit(exchange)
        return
    from guard.cli.exchange import page

    console().print(page(exchange))
