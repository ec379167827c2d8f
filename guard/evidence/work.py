"""Doing tasks, in this process or in one for each core; no more of them are under way than there are hands."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Generic, TypeVar, cast

from guard.evidence.chunk import Chunk, Gather, Joined, Place, Scanned, Task, judge, records_of
from guard.evidence.filters import Filters, Matcher
from guard.evidence.joining import Line
from guard.evidence.note import Note
from guard.evidence.source import UNREADABLE, Content, Source, unreadable

T = TypeVar("T")

SMALL_BYTES = 33_554_432
"""Less than this is scanned before other processes would have started."""

OPEN_FILES = 2


class Contents:
    """The segments that were read last, kept open."""

    def __init__(self) -> None:
        self._open: OrderedDict[Source, Content] = OrderedDict()

    def of(self, source: Source) -> Content:
        """A segment's content.

        Raises:
            OSError, NoteError, Damage: it cannot be read.
        """
        content = self._open.get(source)
        if content is None:
            content = self._open[source] = source.content()
            if len(self._open) > OPEN_FILES:
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(source)
        return content

    def close(self) -> None:
        """Close them all."""
        while self._open:
            self._open.popitem()[1].close()


class Worker(Generic[T]):
    """What does tasks: it knows what is wanted, and what is to be made of it."""

    def __init__(self, filters: Filters, make: Callable[[], Gather[T]]) -> None:
        self.matcher = Matcher(filters)
        self.make = make
        self.contents = Contents()

    def scan(self, task: Task | Joined) -> Scanned[T]:
        """Do one; what cannot be read is told in its notes."""
        if isinstance(task, Joined):
            notes: list[str] = []
            return Scanned(task, self.judge(task, notes.append), [], None, notes)
        gather = self.make()
        try:
            return Chunk(task, self.matcher, gather).scan(self.contents.of(task.source))
        except UNREADABLE as error:
            return Scanned(task, gather.take(), [], None, [unreadable(task.source, error)])

    def judge(self, joined: Joined, note: Note) -> T:
        """Read the lines of whole exchanges where they are, and gather those that are wanted."""
        gather = self.make()
        for fragment in joined.fragments:
            judge(self.records(joined, fragment.places, note), self.matcher, gather, note)
        return gather.take()

    def records(self, joined: Joined, places: Iterable[Place], note: Note) -> list[Line]:
        """The records that are there."""
        found = []
        for place in places:
            source = joined.sources[place.number]
            try:
                found.append(self.contents.of(source).read(place.start, place.start + place.size))
            except UNREADABLE as error:
                note(unreadable(source, error))
        return records_of(found, note)


def processes_for(size: int) -> int:
    """How many processes are worth starting for so many bytes."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 1 if size < SMALL_BYTES else cores


def done(
    tasks: Iterable[Task | Joined], filters: Filters, make: Callable[[], Gather[T]], processes: int
) -> Iterator[Scanned[T]]:
    """What came of each task, in their order.

    Raises:
        FilterError: the regular expression takes too long.
        OSError: a process was killed.
    """
    if processes == 1:
        worker = Worker(filters, make)
        try:
            yield from map(worker.scan, tasks)
        finally:
            worker.contents.close()
        return
    # Not forked: this process may have threads, and a fork takes their locks along.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _begin, (filters, make)) as pool:
        waiting: deque[Future[Scanned[T]]] = deque()
        scan = cast("Callable[[Task | Joined], Scanned[T]]", _scan)
        try:
            for task in tasks:
                waiting.append(pool.submit(scan, task))
                if len(waiting) > 2 * processes:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool:
            raise OSError("a process that read the journal was killed; is there too little memory?") from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


_worker: Worker[object]


def _begin(filters: Filters, make: Callable[[], Gather[object]]) -> None:
    global _worker  # noqa: PLW0603  a process of the pool is one worker, and has no other place to keep it
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who started this
    _worker = Worker(filters, make)


def _scan(task: Task | Joined) -> Scanned[object]:
    return _worker.scan(task)
