"""Which machines are there, and which version of the changes is in force on each of their workers.

Each says what it has again and again, and the store notes when by its own time, so that no machine's clock matters.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

import msgspec

ALIVE_SECONDS = 5.0
FORGOTTEN_SECONDS = 86_400.0


class Acknowledged(msgspec.Struct, frozen=True):
    """A worker: the log that it writes, its process, the store's version that it has in force, and what it has not.

    `fault` says what it could not put in force; empty: nothing. `waits` is the hash of rules that it still makes ready;
    empty: none.
    """

    log: str
    pid: int
    version: int
    fault: str = ""
    waits: str = ""


class Node(msgspec.Struct, frozen=True):
    """A machine: its name, when it was last heard of (by the store's clock), the version it has taken, its workers."""

    node: str
    version: int
    workers: tuple[Acknowledged, ...] = ()
    at: float = 0.0


class Nodes(ABC):
    """The machines of a fleet. Every method may raise StoreError: it cannot be reached, is too slow, or refuses."""

    def alive(self, within: float = ALIVE_SECONDS) -> list[Node]:
        """Those that were heard of within so many seconds, by name. Those that never come back are forgotten."""
        now, told = self.told()
        found = [node for node in (_node(at, word) for at, word in told) if node is not None]
        gone = [node.node for node in found if now - node.at > FORGOTTEN_SECONDS]
        if gone:
            self.forget(*gone)
        # One of a time to come is from before the store's clock went back, and who lives says so again within a second.
        return sorted((one for one in found if abs(now - one.at) <= within), key=lambda one: one.node)

    @abstractmethod
    def tell(self, node: Node) -> None:
        """Say what a machine has, as of now."""

    @abstractmethod
    def told(self) -> tuple[float, Iterable[tuple[float, bytes]]]:
        """The store's time now (seconds since the epoch); when each has last said what, as it was `encoded`."""

    @abstractmethod
    def forget(self, *names: str) -> None:
        """These machines have ended."""


def encoded(node: Node) -> bytes:
    """What a machine says, as it is kept in a store."""
    return msgspec.json.encode(node)


def _node(at: float, told: bytes) -> Node | None:
    """A machine's word; None: it is somebody else's."""
    try:
        return msgspec.structs.replace(msgspec.json.decode(told, type=Node), at=at)
    except ValueError:
        return None
