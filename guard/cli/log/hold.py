"""`guard log hold`: keep a part of the journal from being deleted."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

import click

from guard.cli.errors import TroubleError
from guard.cli.log.change import change, incident_option
from guard.cli.log.folder import journal_folder
from guard.cli.options import actor_option, config_option, json_option, reason_option
from guard.cli.output import emit
from guard.cli.times import WHEN, shown
from guard.cli.visible import visible
from guard.custody.holds import HOLD
from guard.journal.folder import logs


@click.command()
@incident_option
@reason_option
@click.option("--since", type=WHEN, help="Records from then on: 2h, 7d, 2026-03-01T12:00Z.  [default: all]")
@click.option("--until", type=WHEN, help="Records up to then.  [default: all, also those to come]")
@click.option("--log", "name", help="The log (w1, w2, …).  [default: all]")
@actor_option
@config_option
@json_option
def hold(
    incident: str,
    reason: str,
    since: float | None,
    until: float | None,
    name: str | None,
    actor: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Keep records from being deleted, for an incident, until it is released."""
    folder = journal_folder(config)
    if name is not None and name not in logs(folder):
        raise TroubleError(f"there is no log {name} in {folder}; there are {', '.join(logs(folder)) or 'none'}")
    if since is not None and until is not None and since > until:
        raise TroubleError(f"nothing is between {shown(since)} and {shown(until)}: --since is the later one")
    what = {"type": HOLD, "log": name, "since": since, "until": until}
    record = change(config, what, actor=actor, reason=reason, incident=incident)
    if as_json:
        emit(record)
    else:
        first, last = shown(since) or "the beginning", shown(until) or "any time"
        click.echo(visible(f"held for {incident}: {name or 'all logs'}, from {first} to {last}"))
        click.echo(visible(f"until `guard log release --incident {quote(incident)} --reason …`"))
