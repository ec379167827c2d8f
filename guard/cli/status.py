"""`guard status`: which workers run, and whether each has the newest measures in force."""

from __future__ import annotations

from pathlib import Path

import click

from guard.cli.errors import tell
from guard.cli.measure import state_of
from guard.cli.options import config_option, configuration, json_option
from guard.cli.output import emit


@click.command()
@config_option
@json_option
def status(config: Path | None, as_json: bool) -> int:
    """Print the workers that run, and what each has in force. Exit code 1: none runs, or one is behind."""
    from guard.custody.workers import running

    settings = configuration(config, keys=False)
    state = Path(settings.state)
    newest = state_of(config).version
    workers = running(state, state / settings.journal.dir)
    behind = [one.log for one in workers if one.measures < newest or one.fault]
    if as_json:
        rows = [{"log": one.log, "pid": one.pid, "policy": one.policy, "measures": one.measures} for one in workers]
        emit({"measures": newest, "workers": rows, "behind": behind})
        return int(bool(behind) or not workers)
    for one in workers:
        late = f", behind the newest ({newest})" if one.measures < newest else f"  {one.fault}" if one.fault else ""
        click.echo(f"{one.log}  process {one.pid}  policy {one.policy}  measures {one.measures}{late}")
    if not workers:
        tell("no guard runs here")
    return int(bool(behind) or not workers)
