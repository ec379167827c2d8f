"""Callers whom blocks name, in any number: whether somebody is among them.

A set of them is never altered. One with a few changes is made from it in the time that those few take, and has the
rest in common with it, so that one more of 100,000 is known at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from guard.measures import Block
from guard.policy.agents import Agents
from guard.policy.clients import Identity
from guard.wire.networks import Networks

SHARDS = 4_096
NAMED = ("key", "client", "account", "session")

Key = tuple[str, str]
Shard = dict[Key, Block]


class _Patterns(NamedTuple):
    """What is not found by its name: networks and user agents, either all of them enforced or all simulated."""

    networks: Networks
    agents: Agents | None
    patterns: frozenset[str]
    empty: bool = True

    def find(self, address: bytes | None, agent: str | None) -> Key | None:
        network = self.networks.holding(address) if address is not None else None
        if network is not None:
            return "ip", network
        pattern = self.agents.find(agent) if self.agents is not None and agent is not None else None
        return ("agent", pattern) if pattern is not None else None

    def changed(self, added: Iterable[Key], removed: Iterable[Key]) -> _Patterns:
        networks, patterns, agents = self.networks, self.patterns, self.agents
        more, less = (_by_kind(keys) for keys in (added, removed))
        if more["ip"] or less["ip"]:
            networks = networks.changed(more["ip"], less["ip"])
        if more["agent"] or less["agent"]:
            patterns = patterns.difference(less["agent"]).union(more["agent"])
            agents = Agents(sorted(patterns)) if patterns else None
        return _Patterns(networks, agents, patterns, not networks and agents is None)


class Callers(Collection[Block]):  # noqa: PLW1641  nobody needs a hash of thousands of blocks
    """An immutable set of blocks, one at most of a kind and value."""

    __slots__ = ("_counts", "_enforced", "_names", "_shards", "_simulated")

    def __init__(self) -> None:
        """An empty one; `of` and `changed` make others."""
        nothing = _Patterns(Networks(), None, frozenset())
        self._shards: tuple[Shard, ...] = ({},) * SHARDS
        self._counts: Mapping[str, int] = {}
        self._names = False
        self._enforced = self._simulated = nothing

    @classmethod
    def of(cls, blocks: Iterable[Block]) -> Callers:
        """Those blocks; the last of several on the same counts.

        Raises:
            ValueError: an address is none.
        """
        return blocks if isinstance(blocks, Callers) else cls().changed({(one.kind, one.value): one for one in blocks})

    def __len__(self) -> int:
        return sum(self._counts.values())

    def __iter__(self) -> Iterator[Block]:
        for shard in self._shards:
            yield from shard.values()

    def __contains__(self, block: object) -> bool:
        return isinstance(block, Block) and self.get((block.kind, block.value)) == block

    def __eq__(self, other: object) -> bool:
        """Whether it is a collection of the same blocks."""
        return isinstance(other, Collection) and len(self) == len(other) and all(block in self for block in other)

    def __repr__(self) -> str:
        return f"<Callers {dict(self._counts)}>"

    def get(self, key: Key) -> Block | None:
        """The block of that kind and value."""
        return self._shards[hash(key) % SHARDS].get(key)

    def find(self, address: bytes | None, identity: Identity, session: str | None, agent: str | None) -> Block | None:
        """A block that holds for a caller, an enforced one if there is any."""
        found = self._enforced.find(address, agent)
        if found is not None:
            return self.get(found)
        named = self._named(identity, session) if self._names else None
        if self._simulated.empty or (named is not None and not named.simulated):
            return named
        found = self._simulated.find(address, agent)
        return self.get(found) if found is not None else named

    def changed(self, changes: Mapping[Key, Block | None]) -> Callers:
        """The set with these in place of what it has of the same kind and value; None: with nothing there.

        Raises:
            ValueError: an address is none.
        """
        shards = list(self._shards)
        counts = Counter(self._counts)
        added: dict[bool, list[Key]] = {False: [], True: []}
        removed: dict[bool, list[Key]] = {False: [], True: []}
        for key, block in changes.items():
            number = hash(key) % SHARDS
            before = shards[number].get(key)
            if shards[number] is self._shards[number]:
                shards[number] = dict(shards[number])
            if before is not None:
                del shards[number][key]
                counts[key[0]] -= 1
            if block is not None:
                shards[number][key] = block
                counts[key[0]] += 1
            if before is None or block is None or before.simulated != block.simulated:
                if before is not None:
                    removed[before.simulated].append(key)
                if block is not None:
                    added[block.simulated].append(key)
        changed = Callers.__new__(Callers)
        changed._shards = tuple(shards)
        changed._counts = +counts
        changed._names = any(kind in changed._counts for kind in NAMED)
        changed._enforced = self._enforced.changed(added[False], removed[False])
        changed._simulated = self._simulated.changed(added[True], removed[True])
        return changed

    def _named(self, identity: Identity, session: str | None) -> Block | None:
        """The block of one of a caller's names, an enforced one if there is any."""
        counts = self._counts
        key, client, _ = identity
        names = (key, client.name, client.account, session) if client else (key, None, None, session)
        simulated = None
        for kind, name in zip(NAMED, names, strict=True):
            block = self.get((kind, name)) if name is not None and kind in counts else None
            if block is not None and not block.simulated:
                return block
            simulated = simulated or block
        return simulated


def _by_kind(keys: Iterable[Key]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"ip": [], "agent": []}
    for kind, value in keys:
        if kind in found:
            found[kind].append(value)
    return found
