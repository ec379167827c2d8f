"""Waiting until a version of the store's changes is in force on every worker of every machine."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from time import monotonic, sleep
from typing import NamedTuple

from guard.custody.rulings import KINDS
from guard.custody.workers import makes_ready
from guard.store.errors import StoreError
from guard.store.nodes import Node, Nodes

PATIENCE_SECONDS = 5.0
STEP_SECONDS = 0.004


class Late(NamedTuple):
    """A worker that has it not in force, or not all of it; `log` is "" for a machine that has not taken it itself."""

    node: str
    log: str
    fault: str = ""


class Fleet(NamedTuple):
    """How far something has come: the machines that are there, who of them is late, and after how long (seconds)."""

    nodes: list[Node]
    late: list[Late]
    seconds: float


def in_force_everywhere(
    nodes: Nodes,
    version: int,
    patience: float = PATIENCE_SECONDS,
    *,
    kinds: AbstractSet[str] = KINDS,
    own: str | None = None,
) -> Fleet:
    """Wait until all have that version, or patience is over. Machines that say nothing are not waited for, but for
    one's `own`.

    `kinds` are the types of its changes: where rules were pushed, who still makes them ready is waited for too, and
    where nothing is about rules, no matter is made of those that somebody could not have.

    Raises:
        StoreError: the store did not answer once in that time.
    """
    began = monotonic()
    found: list[Node] | None = None
    while True:
        ended = monotonic() - began > patience
        try:
            found = nodes.alive()
        except StoreError:
            if ended and found is None:
                raise
        if found is not None:
            behind = _silent(found, own) + _behind(found, version, kinds)
            if ended or not behind:
                faulty = _faulty(found) if kinds & KINDS else []
                return Fleet(found, behind or faulty, monotonic() - began)
        sleep(STEP_SECONDS)


def _silent(found: list[Node], own: str | None) -> list[Late]:
    return [] if own is None or any(node.node == own for node in found) else [Late(own, "")]


def _behind(found: list[Node], version: int, kinds: AbstractSet[str]) -> list[Late]:
    late = [Late(node.node, "") for node in found if node.version < version]
    workers = ((node.node, worker) for node in found for worker in node.workers)
    waits = ((name, one) for name, one in workers if one.version < version or makes_ready(one.waits, kinds))
    return late + [Late(name, one.log, one.fault) for name, one in waits]


def _faulty(found: list[Node]) -> list[Late]:
    return [Late(node.node, one.log, one.fault) for node in found for one in node.workers if one.fault]
