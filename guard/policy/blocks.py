"""Whom the guard does not serve."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import NamedTuple

from guard import config
from guard.changes import CALLERS
from guard.measures import Block
from guard.policy.callers import Callers
from guard.policy.clients import Clients, Identity
from guard.wire.networks import packed


class Found(NamedTuple):
    """What of a caller is blocked (``address 203.0.113.0/24``, ``account acme`` …), and whether it is only noted."""

    what: str
    simulated: bool


_numbers = count(1)


class Blocks:
    """The blocks of the configuration, and those that operators have taken since.

    Attributes:
        number: which no others have in this process.
    """

    def __init__(self, blocks: Iterable[config.Block], clients: Clients, taken: Iterable[Block] = ()) -> None:
        self._configured = Callers.of(_block(one, clients) for one in blocks)
        self._take(taken)

    def with_taken(self, taken: Iterable[Block]) -> Blocks:
        """The same of the configuration, and these in the place of those that were taken before."""
        blocks = Blocks.__new__(Blocks)
        blocks._configured = self._configured
        blocks._take(taken)
        return blocks

    def __bool__(self) -> bool:
        return bool(self._all)

    def find(
        self, address: str, identity: Identity, session: str | None = None, agent: str | None = None
    ) -> Found | None:
        """What of a caller is blocked, if anything: rather what is enforced than what is simulated.

        An address that cannot be parsed (a Unix socket's peer) is in no network.
        """
        if not self._all:
            return None
        try:
            where = packed(address)
        except ValueError:
            where = None
        simulated = None
        for callers in self._all:
            block = callers.find(where, identity, session, agent)
            if block is not None:
                found = Found(f"{'address' if block.kind == 'ip' else block.kind} {block.value}", block.simulated)
                if not block.simulated:
                    return found
                simulated = simulated or found
        return simulated

    def _take(self, taken: Iterable[Block]) -> None:
        self.number = next(_numbers)
        self._all = tuple(callers for callers in (self._configured, Callers.of(taken)) if callers)


def _block(one: config.Block, clients: Clients) -> Block:
    """A key is named by its fingerprint, as it is where operators name it."""
    if one.key is not None:
        return Block("key", clients.fingerprint(one.key), one.reason, one.simulated)
    kind, value = next((kind, value) for kind in CALLERS if (value := getattr(one, kind)) is not None)
    return Block(kind, value, one.reason, one.simulated)
