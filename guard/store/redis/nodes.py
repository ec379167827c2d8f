"""The machines of a fleet in a Redis or Valkey: one hash, by name what each has said and when, by the server's time."""

from __future__ import annotations

from collections.abc import Iterable

from guard.store.nodes import Node, Nodes, encoded
from guard.store.redis.connection import Connection
from guard.store.redis.script import Script, key

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


class RedisNodes(Nodes):
    """Those of a fleet, in its hash."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._key = key(connection.fleet, "nodes")

    def tell(self, node: Node) -> None:
        """Say what a machine has, as of now."""
        self._connection.run(_BEAT, [self._key], [node.node, encoded(node)])

    def told(self) -> tuple[float, Iterable[tuple[float, bytes]]]:
        """The server's time, and what each has said when."""
        now, values = self._connection.run(_NODES, [self._key])
        return float(now), [word for word in map(_word, values) if word is not None]

    def forget(self, *names: str) -> None:
        """These machines have ended."""
        self._connection.call("HDEL", self._key, *names)


def _word(value: bytes) -> tuple[float, bytes] | None:
    """When, and what; None: it is somebody else's."""
    at, _, told = value.partition(b" ")
    try:
        return float(at), told
    except ValueError:
        return None
