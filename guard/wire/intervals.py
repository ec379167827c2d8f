"""Stretches of addresses that do not meet, sorted: where one falls is told by two bisections, however many there are.

They stand in chunks, so that a set with a few changes shares all but a few chunks with the one that it is made from.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from msgspec import Struct

CHUNK = 256
"""How many stretches a chunk begins with; it is split when it has twice as many."""


FEW = 128
"""Up to so many new ones in a chunk are put in one by one; more are sorted with the others."""


class Stretch(Struct, frozen=True, order=True, gc=False):
    """All addresses from `first` to `last`, both packed in their 4 or 16 bytes, and what it is called."""

    first: bytes
    last: bytes
    name: str


class _Chunk(NamedTuple):
    firsts: list[bytes]
    lasts: list[bytes]
    names: list[str]


class Intervals:
    """An immutable set of them, all of addresses of one length."""

    __slots__ = ("_chunks", "_firsts")

    def __init__(self, chunks: list[_Chunk] | None = None) -> None:
        self._chunks = chunks or []
        self._firsts = [chunk.firsts[0] for chunk in self._chunks]

    def __bool__(self) -> bool:
        return bool(self._chunks)

    def find(self, address: bytes) -> str | None:
        """What the stretch is called that an address falls into, or None."""
        number = bisect_right(self._firsts, address)
        if number == 0:
            return None
        firsts, lasts, names = self._chunks[number - 1]
        place = bisect_right(firsts, address) - 1
        return names[place] if address <= lasts[place] else None

    def meeting(self, first: bytes, last: bytes) -> list[Stretch]:
        """Those that have an address in common with all from `first` to `last`."""
        found: list[Stretch] = []
        for number in range(max(bisect_right(self._firsts, first) - 1, 0), len(self._chunks)):
            firsts, lasts, names = self._chunks[number]
            # They do not meet one another, so that they are sorted by their ends too.
            start, end = bisect_left(lasts, first), bisect_right(firsts, last)
            if start < end:
                found += map(Stretch, firsts[start:end], lasts[start:end], names[start:end])
            if end < len(firsts):
                break
        return found

    def changed(self, added: Iterable[Stretch], removed: Collection[bytes]) -> Intervals:
        """The set without those that begin at these addresses, and then with these; they must not meet."""
        more: dict[int, list[Stretch]] = defaultdict(list)
        less: dict[int, set[bytes]] = defaultdict(set)
        for stretch in added:
            more[max(bisect_right(self._firsts, stretch.first) - 1, 0)].append(stretch)
        for first in removed:
            less[max(bisect_right(self._firsts, first) - 1, 0)].add(first)
        chunks = self._chunks or [_Chunk([], [], [])]
        result: list[_Chunk] = []
        for number, chunk in enumerate(chunks):
            if number in more or number in less:
                result += _split(_altered(chunk, more[number], less[number]))
            else:
                result.append(chunk)
        return Intervals(result)


def _altered(chunk: _Chunk, more: list[Stretch], less: set[bytes]) -> _Chunk:
    if len(more) > FEW:
        kept = [one for one in map(Stretch, *chunk) if one.first not in less]
        whole = sorted(kept + more)
        return _Chunk([one.first for one in whole], [one.last for one in whole], [one.name for one in whole])
    altered = firsts, lasts, names = _Chunk(chunk.firsts.copy(), chunk.lasts.copy(), chunk.names.copy())
    for first in less:
        place = bisect_left(firsts, first)
        if place < len(firsts) and firsts[place] == first:
            del firsts[place], lasts[place], names[place]
    for stretch in more:
        place = bisect_left(firsts, stretch.first)
        firsts.insert(place, stretch.first)
        lasts.insert(place, stretch.last)
        names.insert(place, stretch.name)
    return altered


def _split(chunk: _Chunk) -> Iterator[_Chunk]:
    length = len(chunk.firsts)
    size = CHUNK if length > 2 * CHUNK else 2 * CHUNK
    for start in range(0, length, size):
        end = start + size
        yield _Chunk(chunk.firsts[start:end], chunk.lasts[start:end], chunk.names[start:end])
