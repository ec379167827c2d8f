"""Which machines are there, and which version of the changes is in force on each of their workers.

Each writes what it has into one hash, with the store's own time, so that no machine's clock matters.
"""

from __future__ import annotations

import msgspec

from guard.store.connection import Connection
from guard.store.script import Script, key

ALIVE_SECONDS = 5.0
FORGOTTEN_SECONDS = 86_400.0

_BEAT = Script(
    """
local now = redis.call('TIME')
redis.call('HSET', KEYS[1], ARGV[1], string.format('%s.%06d ', now[1], now[2]) .. ARGV[2])
"""
)

_NODES = Script(
    """
local now = redis.call('TIME')
return {string.format('%s.%06d', now[1], now[2]), redis.call('HVALS', KEYS[1])}
"""
)


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


class Nodes:
    """The machines of a fleet. Every method may raise StoreError: it cannot be reached, is too slow, or refuses."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._key = key(connection.fleet, "nodes")

    def tell(self, node: Node) -> None:
        """Say what a machine has, as of now."""
        self._connection.run(_BEAT, [self._key], [node.node, msgspec.json.encode(node)])

    def alive(self, within: float = ALIVE_SECONDS) -> list[Node]:
        """Those that were heard of within so many seconds, by name. Those that never come back are forgotten."""
        now, values = self._connection.run(_NODES, [self._key])
        found = [node for node in map(_node, values) if node is not None]
        gone = [node.node for node in found if float(now) - node.at > FORGOTTEN_SECONDS]
        if gone:
            self._connection.call("HDEL", self._key, *gone)
        # One of a time to come is from before the store's clock went back, and who lives says so again within a second.
        return sorted((one for one in found if abs(float(now) - one.at) <= within), key=lambda one: one.node)

    def forget(self, name: str) -> None:
        """A machine ends."""
        self._connection.call("HDEL", self._key, name)


def _node(value: bytes) -> Node | None:
    at, _, told = value.partition(b" ")
    try:
        return msgspec.structs.replace(msgspec.json.decode(told, type=Node), at=float(at))
    except ValueError:
        return None
