"""Which pieces of a journal must be looked at, in which order."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from itertools import accumulate, pairwise, zip_longest
from pathlib import Path
from typing import NamedTuple

from guard.evidence.chunk import Task
from guard.evidence.filters import FilterError, Filters
from guard.evidence.note import Note
from guard.evidence.record import began_as
from guard.evidence.source import UNREADABLE, Source, began, manifest, readable_logs, sources, unreadable

ARRIVAL_SECONDS = 3_600.0
"""How long a request may have taken to arrive, from when it began to when it was first written down."""

CLOCK_SECONDS = 60.0
"""How far a machine's clock may have been set back while it wrote."""


class Span(NamedTuple):
    """The times between which everything in a segment began, as far as one can tell without reading it."""

    first: float
    last: float

    def overlaps(self, since: float | None, until: float | None) -> bool:
        """Whether something in it may have begun then."""
        return (since is None or self.last >= since) and (until is None or self.first <= until)


class Course(NamedTuple):
    """A log's segments to look at, with their times; `later` may have the ends of what began in them."""

    log: str
    sources: list[Source]
    spans: list[Span]
    later: list[Source]


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
    """The logs that are wanted, and of each the segments that can have exchanges of the wanted time.

    Raises:
        FilterError: a log that is wanted is not there.
    """
    since, until = window(filters, trust_ids=trust_ids)
    there = readable_logs(journal)
    if other := next((log for log in filters.log if log not in there), None):
        raise FilterError(f"there are no exchanges in a log {other!r}; expected one of {', '.join(there) or 'none'}")
    found = [log for log in there if not filters.log or log in filters.log]
    return [_course(log, sources(journal, log), since, until) for log in found]


def tasks(course: Course, size: int, note: Note) -> list[Task]:
    """A log's segments cut into pieces of about `size` bytes, in order."""
    return [task for source in course.sources for task in _cut(source, size, note)]


def in_time(planned: list[tuple[Course, list[Task]]], *, newest_first: bool) -> Iterator[Task]:
    """All pieces by the time of their segments, those of one log in its order (or the reverse)."""
    runs = []
    for course, pieces in planned:
        times = dict(zip(course.sources, _rising(course.spans), strict=True))
        ordered = [(times[piece.source], piece.source.log, piece) for piece in pieces]
        runs.append(ordered[::-1] if newest_first else ordered)
    for _, _, piece in merge(*runs, key=lambda item: item[:2], reverse=newest_first):
        yield piece


def _course(log: str, found: list[Source], since: float | None, until: float | None) -> Course:
    spans = [_span(source, after) for source, after in zip_longest(found, found[1:])]
    wanted = [number for number, span in enumerate(spans) if span.overlaps(since, until)]
    if not wanted:
        return Course(log, [], [], [])
    first, last = wanted[0], wanted[-1] + 1
    return Course(log, found[first:last], spans[first:last], found[last:])


def _span(source: Source, after: Source | None) -> Span:
    """A manifest says it exactly. Else it is taken from when this segment and the next one were begun."""
    sealed = manifest(source)
    if sealed is not None and sealed.since is not None and sealed.to is not None:
        return Span(sealed.since, sealed.to)
    first, last = began(source), began(after) if after is not None else None
    return Span(
        first - ARRIVAL_SECONDS if first is not None else float("-inf"),
        last + CLOCK_SECONDS if last is not None else float("inf"),
    )


def _rising(spans: list[Span]) -> list[float]:
    """When each may have begun, but not before the one before it."""
    return list(accumulate((span.first for span in spans), max))


def _cut(source: Source, size: int, note: Note) -> list[Task]:
    try:
        with source.open() as content:
            cuts = content.cuts(size)
    except UNREADABLE as error:
        note(unreadable(source, error))
        return []
    return [Task(source, start, stop) for start, stop in pairwise(cuts)]
