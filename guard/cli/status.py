"""`guard status`: who runs on a node, what each has in force, and what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guard.cli.errors import TroubleError, tell
from guard.cli.options import config_option, configuration, json_option
from guard.cli.output import emit
from guard.cli.remote import admin_option, chosen
from guard.cli.visible import visible

if TYPE_CHECKING:
    from guard.config import Config


@click.command()
@admin_option
@config_option
@json_option
def status(config: Path | None, as_json: bool) -> int:
    """Print who runs on the node, and what each worker has in force. Exit code 1: something is wrong, and what."""
    found = _found(config)
    if as_json:
        emit(found)
        return int(bool(found["problems"]))
    if found["workers"]:
        for line in _lines(found):
            click.echo(visible(line))
    for problem in found["problems"]:
        tell(problem)
    return int(bool(found["problems"]))


def _found(config: Path | None) -> dict[str, Any]:
    """How the named machine stands, as it says itself; or this one, by its files."""
    from guard.control.standing import document, standing

    remote = chosen()
    if remote is None:
        return document(standing(_settings(config)))
    from msgspec import to_builtins

    from guard.admin.shapes import Status

    told: dict[str, Any] = to_builtins(remote.get("/v1/status", Status))
    return {name: value for name, value in told.items() if name not in ("software", "version")}


def _settings(config: Path | None) -> Config:
    """The configuration; with what the environment holds only where that is needed, to ask the store."""
    settings = configuration(config, keys=False)
    if settings.store.url is None:
        return settings
    try:
        return configuration(config)
    except TroubleError:
        return settings


def _lines(found: dict[str, Any]) -> list[str]:
    journal, watched, store = found["journal"], found["supervisor"], found["store"]
    measures = found["measures"] if found["measures"] is not None else "unknown"
    lines = [f"node        {found['node']}  measures {measures}"]
    if watched is not None:
        lines.append(f"supervisor  process {watched['pid']}  deaths {watched['deaths']}  hangs {watched['hangs']}")
    lines += map(_worker_line, found["workers"])
    lines.append(f"keeper      {_runs(found['keeper'])}")
    if found["control"] is not None:
        lines.append(f"control     {_runs(found['control'])}")
    if store is not None:
        lines.append(f"store       {store['address']}  {'does not answer' if store['trouble'] else 'answers'}")
        lines += [
            f"            node {one['node']}  version {one['version']}  workers {len(one['workers'])}"
            for one in store["nodes"]
        ]
    free, age = journal["free"], journal["checkpoint_age"]
    left = "unknown" if free is None else f"{free / 1e9:.1f} GB"
    signed = "none" if age is None else f"{age:.0f} s old"
    unsealed = journal["segments"]["open"] + journal["segments"]["finished"]
    lines.append(
        f"journal     free {left}  newest checkpoint {signed}  unsealed segments {unsealed}  lost {found['lost']}"
    )
    return lines


def _worker_line(worker: dict[str, Any]) -> str:
    line = f"{worker['log']:<10}  process {worker['pid']}  policy {worker['policy']}  measures {worker['measures']}"
    line += f"  rules {worker['rules'][:12] or 'configured'}"
    line += f" (makes ready {worker['waits'][:12]})" if worker["waits"] else ""
    if "now" not in worker:
        return line
    now = worker["now"]
    return (
        f"{line}  requests {worker['requests']}  in progress {now['running']}  loop lag {now['lag'] * 1000:.0f} ms"
        f"  journal lag {now['journal_lag'] * 1000:.0f} ms  lost {worker['lost']}"
    )


def _runs(it: bool) -> str:
    return "runs" if it else "does not run"
