"""The budgets that nodes share in a Redis or Valkey, as the script `leases.lua` keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from guard.config import Store
from guard.lending import Ask
from guard.store.budgets import SECOND, Answer, Budgets, told
from guard.store.redis.connection import AsyncConnection
from guard.store.redis.script import Script, key

SCRIPT = Script(files(__package__).joinpath("leases.lua").read_text())

# A clock that was set back: a node that is noted in times to come would be there for ever.
_BEAT = Script(
    """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], now + ARGV[2], '+inf')
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('EXPIRE', KEYS[1], 86400)
return redis.call('ZCARD', KEYS[1])
"""
)
_ANSWERED = len(Answer._fields)


class RedisBudgets(Budgets):
    """Those of a fleet, over one connection."""

    def __init__(self, store: Store) -> None:
        self._connection = AsyncConnection(store)
        self._fleet = store.name
        self.address = str(self._connection.address)

    async def ask(self, node: str, life: float, nodes: int, asks: Sequence[Ask]) -> Sequence[Answer]:
        """Ask for a node."""
        keys = [key(self._fleet, f"limit:{ask.key}") for ask in asks]
        found = await self._connection.run(SCRIPT, keys, arguments(node, life, nodes, asks))
        return [Answer(*found[place : place + _ANSWERED]) for place in range(0, len(found), _ANSWERED)]

    async def beat(self, node: str, missed: float) -> int:
        """Say that a node is there; how many are."""
        count: int = await self._connection.run(_BEAT, [key(self._fleet, "sharing")], [node, missed])
        return count

    async def close(self) -> None:
        """Close the connection; another is made when it is asked again."""
        await self._connection.close()


def arguments(node: str, life: float, nodes: int, asks: Sequence[Ask]) -> list[str | int | float]:
    """What the script is told, for asks whose keys it gets in the same order."""
    return [node, round(life * SECOND), nodes, *(number for ask in asks for number in told(ask))]
