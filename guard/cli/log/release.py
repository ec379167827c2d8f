"""`guard log release`: end the holds of an incident."""

from __future__ import annotations

from pathlib import Path

import click

from guard.cli.errors import TroubleError
from guard.cli.log.change import change, held, incident_option
from guard.cli.options import actor_option, config_option, json_option, reason_option
from guard.cli.output import emit
from guard.custody.holds import RELEASE


@click.command()
@incident_option
@reason_option
@actor_option
@config_option
@json_option
def release(incident: str, reason: str, actor: str | None, config: Path | None, as_json: bool) -> None:
    """End all holds of an incident: what they kept may be deleted when its time comes."""
    ended = [hold for hold in held(config) if hold.incident == incident]
    if not ended:
        raise TroubleError(f"nothing is held for {incident}; `guard log holds` lists what is")
    record = change(config, {"type": RELEASE}, actor=actor, reason=reason, incident=incident)
    if as_json:
        emit(record)
    else:
        click.echo(f"released: {len(ended)} hold{'s' * (len(ended) > 1)} of {incident}")
