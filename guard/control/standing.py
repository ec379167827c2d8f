"""How a node stands: who runs there, what each has in force, and what is wrong.

It is read from the state folder, and where there is a store that is asked.
"""

from __future__ import annotations

from pathlib import Path
from time import time
from typing import Any

import msgspec
from msgspec import Struct

from guard.config import Config
from guard.control.health import Health, health_of
from guard.control.reach import Reach, reach_of
from guard.counts import Counts
from guard.custody import counts, supervision
from guard.custody.control import ControlError
from guard.custody.local import LOCK as CONTROL_LOCK
from guard.custody.snapshot import FILE as SNAPSHOT
from guard.custody.snapshot import restore
from guard.custody.supervision import Supervision
from guard.custody.tail import Tail
from guard.custody.workers import Running, is_locked, running
from guard.proof.node import FILE as NODE

KEEPER_LOCK = "keeper.lock"

# From these on something is wrong, seconds.
SILENT_SECONDS = 10.0
LAG_SECONDS = 1.0
JOURNAL_LAG_SECONDS = 5.0
UNSEALED_SECONDS = 600.0
# For so long a loss is told as what is wrong now; it is counted for ever.
LOSS_SECONDS = 86_400.0


class Worker(Struct, frozen=True):
    """A worker that runs, with what it has in force and what it counts; None: it has not told yet."""

    running: Running
    counts: Counts | None


class Standing(Struct, frozen=True):
    """How a node stands.

    Attributes:
        node: its name; empty: it has none yet.
        newest: the version of the measures that the control log has; None: it cannot be relied on.
        supervisor: what watches over the workers, if there is one.
        control: whether the control process runs; None: there is to be none.
        store: what the machines share, if they share anything.
        behind: the logs of the workers that have not the newest measures in force, or not all of them.
        lost: records that were ever lost, by all workers there have been.
        problems: what is wrong, a sentence each; empty: nothing.
    """

    node: str
    newest: int | None
    supervisor: Supervision | None
    workers: list[Worker]
    keeper: bool
    control: bool | None
    journal: Health
    store: Reach | None
    behind: list[str]
    lost: int
    problems: list[str]


def standing(config: Config) -> Standing:
    """Look how the node of this configuration stands."""
    state = Path(config.state)
    journal = state / config.journal.dir
    every = counts.every(state)
    workers = [Worker(one, every.get(one.log)) for one in running(state, journal)]
    newest, trouble = newest_measures(state, journal)
    supervisor = supervision.read(state)
    found = Standing(
        node=_node(state),
        newest=newest,
        supervisor=supervisor if supervisor is not None and supervisor.alive else None,
        workers=workers,
        keeper=is_locked(state / KEEPER_LOCK),
        control=is_locked(state / CONTROL_LOCK) if config.needs_control else None,
        journal=health_of(journal),
        store=reach_of(config),
        behind=[one.running.log for one in workers if _is_behind(one.running, newest)],
        lost=sum(one.lost for one in every.values()),
        problems=[trouble] if trouble else [],
    )
    found.problems.extend(_problems(config, found, every))
    return found


def document(found: Standing) -> dict[str, Any]:
    """All of it, as JSON has it."""
    plain: dict[str, Any] = msgspec.to_builtins({name: getattr(found, name) for name in found.__struct_fields__})
    plain["measures"] = plain.pop("newest")
    plain["workers"] = [_worker_document(worker) for worker in found.workers]
    plain["journal"]["checkpoint_age"] = found.journal.checkpoint_age
    return plain


def _worker_document(worker: Worker) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(worker.running)
    if (counts := worker.counts) is not None:
        plain |= {"requests": counts.ended, "records": counts.records, "lost": counts.lost}
        plain["now"] = msgspec.to_builtins(counts.now)
    return plain


def newest_measures(state: Path, journal: Path) -> tuple[int | None, str]:
    """The newest version of the measures, or why there is no telling."""
    tail = Tail(journal)
    measures = restore(state / SNAPSHOT, tail)
    try:
        measures.read(tail.lines())
    except (ControlError, OSError) as error:
        return None, f"the control log cannot be relied on: {error}"
    return measures.version, ""


def _node(state: Path) -> str:
    try:
        return (state / NODE).read_text(errors="replace").strip()
    except OSError:
        return ""


def _is_behind(one: Running, newest: int | None) -> bool:
    return one.fault != "" or (newest is not None and one.measures < newest)


def _problems(config: Config, found: Standing, every: dict[str, Counts]) -> list[str]:
    if not found.workers:
        return ["no guard runs here", *_losses(every)]
    problems = []
    if len(found.workers) < config.data.workers:
        problems.append(f"{len(found.workers)} of {config.data.workers} workers run")
    for worker in found.workers:
        problems += _of_worker(worker, found)
    if not found.keeper:
        problems.append("the keeper does not run: nothing is signed, sealed or deleted")
    if found.control is False:
        problems.append("the control process does not run: there is no admin API")
    return problems + _of_store(found.store) + _of_journal(config, found.journal) + _losses(every)


def _of_worker(worker: Worker, found: Standing) -> list[str]:
    one = worker.running
    problems = []
    if one.fault:
        problems.append(f"{one.log}: {one.fault}")
    elif one.log in found.behind:
        problems.append(f"{one.log} is behind: it has measures {one.measures} in force, the newest are {found.newest}")
    if worker.counts is None:
        return problems
    now = worker.counts.now
    if now.at and (silent := time() - now.at) > SILENT_SECONDS:
        problems.append(f"{one.log} has told nothing of itself for {silent:.0f} seconds")
    if now.lag > LAG_SECONDS:
        problems.append(f"{one.log}: its loop came {now.lag:.1f} seconds late within the last minute")
    if not now.healthy:
        problems.append(f"{one.log}: the journal cannot be written now; {now.kept} records wait for that")
    elif now.journal_lag > JOURNAL_LAG_SECONDS:
        problems.append(f"{one.log}: the oldest record that is not on disk is {now.journal_lag:.1f} seconds old")
    signed = found.journal.logs.get(one.log)
    if signed is not None and signed.signed < worker.counts.signable:
        late = worker.counts.signable - signed.signed
        problems.append(f"{one.log}: no checkpoint is signed for {late} records that are more than a minute old")
    return problems


def _of_store(store: Reach | None) -> list[str]:
    if store is None:
        return []
    if store.trouble:
        return [store.trouble]
    problems = [f"node {one.node} is behind: it has not taken the newest of the shared changes" for one in store.behind]
    faulty = ((node.node, worker) for node in store.nodes for worker in node.workers if worker.fault)
    return problems + [f"node {name}, {worker.log}: {worker.fault}" for name, worker in faulty]


def _of_journal(config: Config, health: Health) -> list[str]:
    problems = []
    reserve = config.journal.reserve_bytes
    if health.free is not None and health.free < 2 * reserve:
        low = "less than" if health.free < reserve else "less than twice"
        problems.append(f"the journal's disk has {health.free} bytes left, {low} the reserve of {reserve}")
    if health.unsealed_since is not None:
        late = time() - health.unsealed_since - config.journal.seal_after
        if late > UNSEALED_SECONDS:
            problems.append(f"a finished segment of the journal has not been sealed for {late:.0f} seconds")
    return problems


def _losses(every: dict[str, Counts]) -> list[str]:
    return [
        f"{log}: {one.lost} records are lost, the last ones {time() - one.lost_at:.0f} seconds ago"
        for log, one in every.items()
        if one.lost and time() - one.lost_at < LOSS_SECONDS
    ]
