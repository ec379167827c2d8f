"""All exchanges of a journal that are wanted, each whole, in bounded memory.

The journal is cut into pieces, which are scanned side by side. What lies across a cut comes back as places only, is put
together here in the order of the log, and read again when it is whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Generic, TypeVar

from guard.evidence.chunk import Fragment, Gather, Joined, Place, Task
from guard.evidence.filters import Filters
from guard.evidence.note import Note, log, once
from guard.evidence.plan import Course, courses, in_time, tasks, window
from guard.evidence.record import KINDS, head, parsed, time_of
from guard.evidence.source import UNREADABLE, Source, lines, unreadable
from guard.evidence.work import Worker, done, processes_for

T = TypeVar("T")

CHUNK_BYTES = 3_145_728
"""Less than a frame of a sealed segment, so that each of those is a piece of its own."""

Progress = Callable[[int, int], None]
"""Takes how many bytes are scanned, and of how many."""

Enough = Callable[[float], bool]
"""Takes a time; whether nothing that began before it is wanted any more."""


class Joints:
    """What lies across the cuts of one log."""

    def __init__(self, course: Course, *, newest_first: bool) -> None:
        self.course = course
        self.open: dict[str, Fragment] = {}
        self.done = False
        # From the end on, everything behind a beginning was seen before it: it is whole, also if it has no end.
        self._begun_is_whole = newest_first and not course.later
        self._sources = {source.number: source for source in (*course.sources, *course.later)}

    def add(self, fragment: Fragment) -> Fragment | None:
        """Put lines to those of the same exchange; returns it if it is whole by that."""
        before = self.open.pop(fragment.id, None)
        if before is not None:
            fragment = merged(before, fragment)
        if fragment.start and (fragment.outcome or self._begun_is_whole):
            return fragment
        self.open[fragment.id] = fragment
        return None

    def joined(self, fragments: list[Fragment]) -> Joined:
        """These exchanges with the segments that they are in."""
        numbers = {place.number for fragment in fragments for place in fragment.places}
        return Joined({number: self._sources[number] for number in numbers}, fragments)


def merged(one: Fragment, other: Fragment) -> Fragment:
    """Two fragments of an exchange as one."""
    return Fragment(
        one.id,
        sorted(one.places + other.places),
        one.hit or other.hit,
        one.start or other.start,
        one.outcome or other.outcome,
    )


class Scan(Generic[T]):
    """A journal, what is wanted of it, and what is to be made of that.

    `make` makes a `Gather` for each piece (in another process: it must be picklable). With `newest_first` pieces are
    scanned from the logs' ends, until there is `enough`. Without `trust_ids` the times in ids do not say where.

    Raises:
        FilterError: a log that is wanted is not there.
    """

    def __init__(
        self,
        journal: Path,
        filters: Filters,
        make: Callable[[], Gather[T]],
        *,
        note: Note = log,
        newest_first: bool = False,
        enough: Enough | None = None,
        progress: Progress | None = None,
        chunk: int = CHUNK_BYTES,
        processes: int | None = None,
        trust_ids: bool = True,
    ) -> None:
        self._filters = filters
        self._make = make
        self._note = once(note)
        self._newest_first = newest_first
        self._enough = enough
        self._progress = progress
        self._processes = processes
        self._window = window(filters, trust_ids=trust_ids)
        found = courses(journal, filters, trust_ids=trust_ids)
        self._planned = [(course, tasks(course, chunk, self._note)) for course in found]
        self._joints = {course.log: Joints(course, newest_first=newest_first) for course, _ in self._planned}
        self._ready: list[Joined] = []
        self._size = sum(task.stop - task.start for _, pieces in self._planned for task in pieces)

    def run(self) -> Iterator[T]:
        """What is made of each piece, in order; what lies across cuts comes when it is whole.

        Raises:
            FilterError: a filter means nothing, or the regular expression takes too long.
        """
        worker = Worker(self._filters, self._make)
        processes = self._processes or processes_for(self._size)
        read = 0
        try:
            for scanned in done(self._wanted(), self._filters, self._make, processes):
                for note in scanned.notes:
                    self._note(note)
                yield scanned.made
                if isinstance(scanned.task, Joined):
                    continue
                self._join(scanned.task.source.log, scanned.fragments)
                if processes == 1 or self._newest_first:  # else others do it, with their next task
                    yield from self._whole(worker)
                joints = self._joints[scanned.task.source.log]
                joints.done = bool(self._enough and scanned.before is not None and self._enough(scanned.before))
                read += scanned.task.stop - scanned.task.start
                if self._progress:
                    self._progress(read, self._size)
            yield from self._whole(worker)
            for joints in self._joints.values():
                yield self._rest(worker, joints)
        finally:
            worker.contents.close()

    def _wanted(self) -> Iterator[Task | Joined]:
        """The tasks, without those of logs that there is enough of."""
        for task in in_time(self._planned, newest_first=self._newest_first):
            while self._ready:
                yield self._ready.pop(0)
            if not self._joints[task.source.log].done:
                yield task

    def _join(self, log: str, fragments: list[Fragment]) -> None:
        joints = self._joints[log]
        whole = [one for fragment in fragments if (one := joints.add(fragment)) and one.hit]
        if whole:
            self._ready.append(joints.joined(whole))

    def _whole(self, worker: Worker[T]) -> Iterator[T]:
        while self._ready:
            yield worker.judge(self._ready.pop(0), self._note)

    def _rest(self, worker: Worker[T], joints: Joints) -> T:
        """What has no end, or no beginning; the ends may be in segments that were not looked at."""
        if joints.course.later:
            self._follow(worker, joints)
        # Where there was enough before the log's beginning, what has no beginning has one that was not looked for.
        rest = [one for one in joints.open.values() if one.hit and (one.start or not joints.done)]
        return worker.judge(joints.joined(rest), self._note)

    def _follow(self, worker: Worker[T], joints: Joints) -> None:
        """Find the ends of what began in the wanted time, in the segments behind it."""
        wanted = {one.id for one in joints.open.values() if one.start and self._in_time(worker, joints, one)}
        for source in joints.course.later:
            if not wanted:
                return
            try:
                self._follow_in(worker, joints, wanted, source)
            except UNREADABLE as error:
                self._note(unreadable(source, error))

    def _follow_in(self, worker: Worker[T], joints: Joints, wanted: set[str], source: Source) -> None:
        content = worker.contents.of(source)
        for start, stop in pairwise(content.cuts(CHUNK_BYTES)):
            for line in lines(content, start, stop).lines:
                self._continue(worker, joints, wanted, source, start, line)
                start += len(line) + 1

    def _continue(
        self, worker: Worker[T], joints: Joints, wanted: set[str], source: Source, start: int, line: bytes
    ) -> None:
        record = head(line)
        if record is None or not source.counts(record.seq):
            return
        if record.kind == "segment" and (parsed(line) or {}).get("after") in ("start", "crash"):
            wanted.clear()  # a new process: what was open before stays so
        elif record.kind in KINDS and record.id in wanted:
            hit = worker.matcher.probe is None or worker.matcher.probe(line, record.kind)
            outcome = record.kind == "outcome"
            place = Place(source.number, start, len(line))
            joints.open[record.id] = merged(
                joints.open[record.id], Fragment(record.id, [place], hit, start=False, outcome=outcome)
            )
            if outcome:
                wanted.discard(record.id)

    def _in_time(self, worker: Worker[T], joints: Joints, fragment: Fragment) -> bool:
        since, until = self._window
        records = worker.records(joints.joined([fragment]), fragment.places[:1], self._note)
        at = time_of(records[0]) if records else None
        return at is not None and (since is None or at >= since) and (until is None or at <= until)
