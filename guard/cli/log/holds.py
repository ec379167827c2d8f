"""`guard log holds`: what is kept from being deleted, for whom and why."""

from __future__ import annotations

from pathlib import Path

import click

from guard.cli.log.change import held
from guard.cli.options import config_option, json_option
from guard.cli.output import console, emit
from guard.cli.times import shown
from guard.cli.visible import visible


@click.command()
@config_option
@json_option
def holds(config: Path | None, as_json: bool) -> None:
    """List the holds in force, one a line."""
    screen = console()
    found = held(config)
    if not found and not as_json:
        screen.print("nothing is held")
    for hold in found:
        if as_json:
            emit(hold._asdict())
            continue
        bounds = f"{shown(hold.since) or 'the beginning'} to {shown(hold.until) or 'any time'}"
        what = f"{hold.incident}  {hold.log or 'all logs'} from {bounds}"
        screen.print(visible(f"{what}  held {shown(hold.at)} by {hold.actor}: {hold.reason}"))
