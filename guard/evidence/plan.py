"""Which pieces of a journal must be looked at, in which order."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from guard.evidence.chunk import Task
from guard.evidence.filters import Filters
from guard.evidence.note import Note
from guard.evidence.record import began_as
from guard.evidence.source import Source, began, readable_logs, sources

ARRIVAL_SECONDS = 3_600.0
"""How long a request may have taken to arrive, from when it began to when it was first written down."""

CLOCK_SECONDS = 60.0
"""How far a machine's clock may have been set back while it wrote."""


class Course(NamedTuple):
    """A log's segments to look at; `later` may have the ends of what began in them. `began`: when each was begun."""

    log: str
    sources: list[Source]
    later: list[Source]
    began: list[float | None]


def window(filters: Filters, *, trust_ids: bool) -> tuple[float | None, float | None]:
    """From when to when what is wanted may have begun: what the filters say, narrowed by the times in ids."""
    since, until = filters.since, filters.until
    if not trust_ids:
        return since, until
    times = [began_as(id_) for id_ in filters.id]
    known = [time for time in times if time is not None]
    if known and len(known) == len(times):
        since = max(min(known) - 1, since if since is not None else 0)
        until = min(max(known) + 1, until if until is not None else float("inf"))
    return since, until


def courses(journal: Path, filters: Filters, *, trust_ids: bool) -> list[Course]:
    """The logs that are wanted, and of each the segments that can have exchanges of the wanted time."""
    since, until = window(filters, trust_ids=trust_ids)
    found = [log for log in readable_logs(journal) if not filters.log or log in filters.log]
    return [_course(log, sources(journal, log), since, until) for log in found]


def tasks(course: Course, size: int, note: Note) -> list[Task]:
    """A log's segments cut into pieces of about `size` bytes, in order."""
    return [task for source in course.sources for task in _cut(source, size, note)]


def in_time(planned: list[tuple[Course, list[Task]]], *, newest_first: bool) -> Iterator[Task]:
    """All pieces by the time of their segments, those of one log in its order (or the reverse)."""
    runs = []
    for course, pieces in planned:
        times = dict(zip(course.sources, _rising(course.began), strict=True))
        ordered = [(times[piece.source], piece.source.log, piece) for piece in pieces]
        runs.append(ordered[::-1] if newest_first else ordered)
    for _, _, piece in merge(*runs, key=lambda item: item[:2], reverse=newest_first):
        yield piece


def _course(log: str, found: list[Source], since: float | None, until: float | None) -> Course:
    times = [began(source) for source in found]
    first, last = 0, len(found)
    if since is not None:
        while first + 1 < last and _before(times[first + 1], since - CLOCK_SECONDS):
            first += 1
    if until is not None:
        while last > first + 1 and _before(until + ARRIVAL_SECONDS, times[last - 1]):
            last -= 1
        if last == first + 1 and _before(until + ARRIVAL_SECONDS, times[first]):
            last = first
    return Course(log, found[first:last], found[last:], times[first:last])


def _before(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and one < other


def _rising(times: list[float | None]) -> list[float]:
    """The times, each at least the one before it; where it is not known, that."""
    rising: list[float] = []
    for time in times:
        last = rising[-1] if rising else 0.0
        rising.append(max(time if time is not None else last, last))
    return rising


def _cut(source: Source, size: int, note: Note) -> list[Task]:
    try:
        with source.open() as content:
            cuts = content.cuts(size)
    except OSError as error:
        note(f"{source.name}: it cannot be read ({(error.strerror or str(error)).lower()})")
        return []
    return [Task(source, start, stop) for start, stop in pairwise(cuts)]
