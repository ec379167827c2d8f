"""Following the journal as it grows: each exchange once, when it ends, over rotations, failures and sealings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

from guard.evidence.chunk import judge, records_of
from guard.evidence.note import Note, log
from guard.evidence.reader import Objects, find, tail
from guard.evidence.record import KINDS, head, may_start, parsed
from guard.evidence.source import UNREADABLE, Content, Source, lines, readable_logs, sources, unreadable

POLL_SECONDS = 0.1
BLOCK_BYTES = 1_048_576

Ended = tuple[str, list[bytes]]
"""An exchange's id, and its lines as far as they were seen."""


def follow(journal: Path, stop: Event, *, last: int = 0, note: Note = log) -> Iterator[dict[str, Any]]:
    """The `last` exchanges, then each one as it ends, until `stop` is set; new logs are read as they appear."""
    followed = {name: FollowedLog(journal, name, note, at_end=True) for name in readable_logs(journal)}
    told = set()
    try:
        for exchange in tail(journal, last, note):
            if exchange["end"] is not None:
                told.add(exchange["id"])
            yield exchange
        while not stop.is_set():
            for name in readable_logs(journal):
                if name not in followed:
                    followed[name] = FollowedLog(journal, name, note, at_end=False)
                for id_, seen in followed[name].ended():
                    if id_ not in told:
                        yield from _whole(journal, id_, seen, note)
            stop.wait(POLL_SECONDS)
    finally:
        for one in followed.values():
            one.close()


class FollowedLog:
    """How far a log was read, and what is open in it.

    The file that is read stays open, so that nothing is missed when it is sealed and removed meanwhile. What was read
    of it and turns out not to count (the next segment begins with a lower number: it is written again there) is
    forgotten, and what was told of it is not told again.
    """

    def __init__(self, journal: Path, name: str, note: Note, *, at_end: bool) -> None:
        """Begin at its end as it is now, or at its beginning."""
        self._journal = journal
        self._name = name
        self._note = note
        self._source: Source | None = None
        self._content: Content | None = None
        self._place = 0
        self._waiting: dict[str, list[tuple[int, bytes]]] = {}
        self._told: dict[str, int] = {}
        if at_end and (found := sources(journal, name)):
            self._open(found[-1])
            if self._content is not None:
                self._place = _end(self._content)

    def ended(self) -> Iterator[Ended]:
        """What ended since the last look."""
        while True:
            # Looked for first: once there is a next segment, nothing comes to this one any more.
            following = self._next()
            if self._content is not None:
                yield from self._grown()
            if following is None:
                return
            if self._source is not None:
                self._forget(following.base)
            self._open(following)

    def close(self) -> None:
        """Let the file go."""
        if self._content is not None:
            self._content.close()
            self._content = None

    def _next(self) -> Source | None:
        base = self._source.base if self._source is not None else -1
        return next((source for source in sources(self._journal, self._name) if source.base > base), None)

    def _open(self, source: Source) -> None:
        self.close()
        self._source = source
        self._place = 0
        try:
            self._content = source.content()
        except UNREADABLE as error:
            self._content = None
            self._note(unreadable(source, error))

    def _grown(self) -> Iterator[Ended]:
        assert self._content is not None
        while True:
            found = lines(self._content, self._place, self._place + BLOCK_BYTES).lines
            if not found:
                return
            for line in found:
                self._place += len(line) + 1
                yield from self._take(line)

    def _take(self, line: bytes) -> Iterator[Ended]:
        record = head(line)
        if record is None:
            self._note(f"{self._name}: a line is not a record and left out")
        elif record.kind == "mark":
            self._sure(line)
        elif record.kind in KINDS:
            self._waiting.setdefault(record.id, []).append((record.seq, line))
            if record.kind == "outcome":
                seen = [line for _, line in self._waiting.pop(record.id)]
                if record.id not in self._told:
                    yield record.id, seen
                self._told[record.id] = record.seq

    def _sure(self, line: bytes) -> None:
        """What is on disk is not written again, and need not be kept in mind."""
        durable = (parsed(line) or {}).get("durable")
        if type(durable) is int:
            self._told = {id_: seq for id_, seq in self._told.items() if seq > durable}

    def _forget(self, base: int) -> None:
        """The next segment begins there: what was read from there on did not count."""
        kept = {id_: [one for one in seen if one[0] < base] for id_, seen in self._waiting.items()}
        self._waiting = {id_: seen for id_, seen in kept.items() if seen}
        self._told = {id_: seq for id_, seq in self._told.items() if seq >= base}


def _end(content: Content) -> int:
    """Where the last whole line ends."""
    place = content.size
    while place:
        start = max(place - BLOCK_BYTES, 0)
        cut = content.read(start, place).rfind(b"\n") + 1
        if cut:
            return start + cut
        place = start
    return 0


def _whole(journal: Path, id_: str, seen: list[bytes], note: Note) -> Iterator[dict[str, Any]]:
    """The exchange; if it began before the following did, its beginning is looked for."""
    first = head(seen[0])
    if first is None or not may_start(seen[0], first.kind):
        found = find(journal, id_, note)
        if found is not None:
            yield found
        return
    gather = Objects()
    judge(records_of(seen, note), lambda _: True, gather, note)
    yield from gather.take()
