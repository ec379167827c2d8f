"""`guard status`: who runs here, what each has in force, and what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from guard.cli.errors import TroubleError, tell
from guard.cli.options import config_option, configuration, json_option
from guard.cli.output import emit

if TYPE_CHECKING:
    from guard.config import Config
    from guard.control.standing import Standing, Worker


@click.command()
@config_option
@json_option
def status(config: Path | None, as_json: bool) -> int:
    """Print who runs on this node, and what each worker has in force. Exit code 1: something is wrong, and what."""
    from guard.control.standing import document, standing

    found = standing(_settings(config))
    if as_json:
        emit(document(found))
        return int(bool(found.problems))
    if found.workers:
        for line in _lines(found):
            click.echo(line)
    for problem in found.problems:
        tell(problem)
    return int(bool(found.problems))


def _settings(config: Path | None) -> Config:
    """The configuration; with what the environment holds only where that is needed, to ask the store."""
    settings = configuration(config, keys=False)
    if settings.store.url is None:
        return settings
    try:
        return configuration(config)
    except TroubleError:
        return settings


def _lines(found: Standing) -> list[str]:
    health, watched = found.journal, found.supervisor
    age = health.checkpoint_age
    lines = [f"node        {found.node}  measures {found.newest if found.newest is not None else 'unknown'}"]
    if watched is not None:
        lines.append(f"supervisor  process {watched.pid}  deaths {watched.deaths}  hangs {watched.hangs}")
    lines += map(_worker_line, found.workers)
    lines.append(f"keeper      {_runs(found.keeper)}")
    if found.control is not None:
        lines.append(f"control     {_runs(found.control)}")
    if (store := found.store) is not None:
        lines.append(f"store       {store.address}  {'does not answer' if store.trouble else 'answers'}")
        lines += [
            f"            node {one.node}  version {one.version}  workers {len(one.workers)}" for one in store.nodes
        ]
    free = "unknown" if health.free is None else f"{health.free / 1e9:.1f} GB"
    signed = "none" if age is None else f"{age:.0f} s old"
    lines.append(
        f"journal     free {free}  newest checkpoint {signed}  unsealed segments"
        f" {health.segments['open'] + health.segments['finished']}  lost {found.lost}"
    )
    return lines


def _worker_line(worker: Worker) -> str:
    one, counts = worker.running, worker.counts
    line = f"{one.log:<10}  process {one.pid}  policy {one.policy}  measures {one.measures}"
    line += f"  rules {one.rules[:12] or 'configured'}" + (f" (makes ready {one.waits[:12]})" if one.waits else "")
    if counts is None:
        return line
    now = counts.now
    return (
        f"{line}  requests {counts.ended}  in progress {now.running}  loop lag {now.lag * 1000:.0f} ms"
        f"  journal lag {now.journal_lag * 1000:.0f} ms  lost {counts.lost}"
    )


def _runs(it: bool) -> str:
    return "runs" if it else "does not run"
