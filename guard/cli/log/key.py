"""`guard log key`: the public keys that verify what is signed about the journal."""

from __future__ import annotations

from pathlib import Path

import click

from guard.cli.errors import TroubleError
from guard.cli.options import config_option, configuration, json_option
from guard.cli.output import emit


@click.command()
@config_option
@json_option
def key(config: Path | None, as_json: bool) -> None:
    """Print the verifier key of each log, to keep elsewhere with the checkpoints; any of them stands for all logs."""
    from guard.journal.folder import CONTROL, logs
    from guard.proof.keys import for_log, known_keys

    settings = configuration(config, keys=False)
    state = Path(settings.state)
    try:
        known = known_keys(state)
    except ValueError as error:
        raise TroubleError(str(error)) from None
    if not known:
        raise TroubleError(f"there is no signing key in {state}; `guard serve` makes one")
    names = logs(state / settings.journal.dir) or [CONTROL]
    keys = {log: str(one) for log in names for one in for_log(known, log)}
    if as_json:
        emit({"node": known[0].name, "keys": keys})
    else:
        click.echo("\n".join(keys.values()))
