"""When measures are over: those of one time together, for a list that was imported ends all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heapify, heappop, heappush
from math import inf
from typing import Any

Place = tuple[dict[Any, Any], Any]
"""Where a measure is kept: in what, and as what."""


class Ends:
    """The places of measures by the time (seconds since the epoch) at which those there are over.

    What is kept there by then may be another measure, which is for who asks to see.
    """

    def __init__(self) -> None:
        self._times: list[float] = []
        self._places: dict[float, list[Place]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def next(self) -> float:
        """The earliest of those times."""
        return self._times[0] if self._times else inf

    def add(self, time: float, place: Place) -> None:
        """What is kept there is over then."""
        if time not in self._places:
            self._places[time] = []
            heappush(self._times, time)
        self._places[time].append(place)
        self._count += 1

    def due(self, now: float, most: float = inf) -> Iterator[tuple[float, Place]]:
        """Take out those that are over by now, so many at most; each with its time."""
        while self._times and self._times[0] <= now and most > 0:
            time = self._times[0]
            places = self._places[time]
            place = places.pop()
            if not places:
                del self._places[heappop(self._times)]
            self._count -= 1
            most -= 1
            yield time, place

    def keep(self, counts: Callable[[float, Place], bool]) -> None:
        """Forget all but those that still count."""
        kept = {time: [one for one in places if counts(time, one)] for time, places in self._places.items()}
        self._places = {time: places for time, places in kept.items() if places}
        self._times = list(self._places)
        heapify(self._times)
        self._count = sum(map(len, self._places.values()))
