"""Waiting until what was ordered is in force on every worker: of this machine, or of all that share a store."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, NamedTuple

from guard.custody.rulings import KINDS
from guard.custody.workers import late, running

if TYPE_CHECKING:
    from guard.control import fleet
    from guard.store.nodes import Nodes

PATIENCE_SECONDS = 5.0
PUSH_SECONDS = 60.0
"""Patience with rules that were pushed, which may have to be compiled."""
RULES_SECONDS = 20.0
"""And with those that were added or taken out."""
CHANGES_A_SECOND = 20_000
STEP_SECONDS = 0.005


class Late(NamedTuple):
    """A worker that has it not in force, by its log (and machine, if there are several); `fault` says why, if known."""

    log: str
    fault: str


class Force(NamedTuple):
    """How far something has come: how many workers run, which of them are late, and after how many seconds."""

    workers: int
    late: list[Late]
    seconds: float


def patience_for(kinds: AbstractSet[str], changes: int) -> float:
    """How long (seconds) an order of these kinds of changes, and so many, may take to be in force."""
    rules = RULES_SECONDS if kinds & KINDS else PATIENCE_SECONDS
    return (PUSH_SECONDS if "push-rules" in kinds else rules) + changes / CHANGES_A_SECOND


def in_force(state: Path, journal: Path, version: int, kinds: AbstractSet[str], patience: float) -> Force:
    """Wait until every worker of this machine has that version of the control log in force, or patience is over.

    With rules among the kinds of change, one that makes them ready, or could not take them, is late too.
    """
    began = monotonic()
    while True:
        workers = running(state, journal)
        behind = late(workers, version, kinds)
        if not behind or monotonic() - began > patience:
            faulty = [one for one in workers if one.fault and one not in behind] if kinds & KINDS else []
            told = [Late(one.log, one.fault) for one in behind + faulty]
            return Force(len(workers), told, monotonic() - began)
        sleep(STEP_SECONDS)


def in_force_of_all(nodes: Nodes, version: int, kinds: AbstractSet[str], patience: float, own: str) -> Force:
    """The same with that version of the store's changes, and the workers of all machines that are there; one's `own`
    is, whether or not the store has heard of it.

    Raises:
        StoreError: the store did not answer once in that time.
    """
    from guard.control.fleet import in_force_everywhere

    found = in_force_everywhere(nodes, version, patience, kinds=kinds, own=own)
    told = [Late(_named(one, alone=len(found.nodes) == 1), one.fault) for one in found.late]
    return Force(sum(len(node.workers) for node in found.nodes), told, found.seconds)


def _named(late: fleet.Late, *, alone: bool) -> str:
    return late.log if alone and late.log else f"{late.node}/{late.log}".removesuffix("/")
