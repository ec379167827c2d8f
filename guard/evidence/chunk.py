"""A piece of a log, scanned by itself: what is whole in it is judged at once; of the rest it is told where it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

from guard.evidence.filters import Matcher
from guard.evidence.joining import Line, join
from guard.evidence.note import Note
from guard.evidence.record import KINDS, began_as, head, may_start, parsed, starts, time_of
from guard.evidence.shape import check
from guard.evidence.source import Content, Source, lines

UNFINISHED = "its last line is unfinished and left out"

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Gather(Protocol[T_co]):
    """Takes wanted exchanges, and gives out what it makes of them."""

    def add(self, exchange: dict[str, Any]) -> None:
        """Take one."""

    def take(self) -> T_co:
        """What came of those taken."""


@runtime_checkable
class CountsRefusals(Protocol):
    """A `Gather` that also wants refusals that were counted instead of written down one by one."""

    def refusals(self, exchange: dict[str, Any], count: int) -> None:
        """Take so many that were like this exchange, of which no more is known."""


class Task(NamedTuple):
    """The lines of a segment that begin between two places."""

    source: Source
    start: int
    stop: int


class Place(NamedTuple):
    """Where a line is: in the `number`-th segment of its log, from `start` on, `size` bytes."""

    number: int
    start: int
    size: int


class Fragment(NamedTuple):
    """Lines of an exchange that is not whole in what was looked at; `hit`: one of them is a reason to look at it."""

    id: str
    places: list[Place]
    hit: bool
    start: bool
    outcome: bool


class Joined(NamedTuple):
    """Exchanges that are whole, but not in one piece: where their lines are, in which segments."""

    sources: dict[int, Source]
    fragments: list[Fragment]


class Scanned(NamedTuple, Generic[T]):
    """What came of a task. No exchange that is told of before it in the log began after `before` (None: unknown)."""

    task: Task | Joined
    made: T
    fragments: list[Fragment]
    before: float | None
    notes: list[str]


class _Pending:
    """The lines of an exchange as they come."""

    __slots__ = ("begins", "hit", "lines", "other_time", "start")

    def __init__(self, *, hit: bool) -> None:
        self.lines: list[bytes] = []
        self.begins: list[int] = []
        self.hit = hit
        self.start = False
        self.other_time = False


class Chunk(Generic[T]):
    """One task, while it is worked on."""

    def __init__(self, task: Task, matcher: Matcher, gather: Gather[T]) -> None:
        self._task = task
        self._matcher = matcher
        self._gather = gather
        self._pending: dict[str, _Pending] = {}
        self._fragments: list[Fragment] = []
        self._times: list[float] = []
        self._latest = ""
        self._notes: list[str] = []

    def scan(self, content: Content) -> Scanned[T]:
        """Read it and judge what is in it."""
        task = self._task
        found, torn = lines(content, task.start, task.stop)
        place = task.start
        if torn and task.source.end is None:
            self._note(UNFINISHED)
        for line in found:
            self._take(place, line)
            place += len(line) + 1
        for id_, pending in self._pending.items():
            self._leave(id_, pending, outcome=False)
        # A mark is written every second; where there is none, the newest id's time is as near as one can tell.
        before = min(self._times, default=began_as(self._latest))
        return Scanned(task, self._gather.take(), self._fragments, before, self._notes)

    def _take(self, place: int, line: bytes) -> None:
        record = head(line)
        if record is None:
            self._note("a line is not a record and left out")
            return
        seq, kind, id_ = record
        if not self._task.source.counts(seq):
            return
        if kind not in KINDS:
            self._other(kind, line)
            return
        pending = self._pending.get(id_)
        if pending is None:
            pending = self._pending[id_] = _Pending(hit=self._matcher.probe is None)
        self._latest = max(self._latest, id_)
        pending.lines.append(line)
        pending.begins.append(place)
        pending.hit = pending.hit or (self._matcher.probe is not None and self._matcher.probe(line, kind))
        if may_start(line, kind):
            pending.start = True
            pending.other_time = self._matcher.too_early_or_late(line)
        if kind == "outcome":
            self._end(id_, self._pending.pop(id_))

    def _end(self, id_: str, pending: _Pending) -> None:
        if not pending.start:
            self._leave(id_, pending, outcome=True)
        elif pending.hit and not pending.other_time:
            records = records_of(pending.lines, self._note)
            if any(map(starts, records)) or not records:
                judge(records, self._matcher, self._gather, self._note)
            else:  # the word `request` was somewhere else
                pending.start = False
                self._leave(id_, pending, outcome=True)

    def _leave(self, id_: str, pending: _Pending, *, outcome: bool) -> None:
        hit = pending.hit and not pending.other_time
        number = self._task.source.number
        found = zip(pending.begins, pending.lines, strict=True)
        places = [Place(number, begin, len(line)) for begin, line in found]
        self._fragments.append(Fragment(id_, places, hit, pending.start, outcome))

    def _other(self, kind: str, line: bytes) -> None:
        """Keep when a record was written that says so: all that stands before it in the log began before."""
        record = parsed(line) or {}
        at = time_of(record)
        if at is not None:
            self._times.append(at)
        if kind == "refusals" and isinstance(self._gather, CountsRefusals):
            self._count(record, self._gather)

    def _count(self, record: Line, gather: CountsRefusals) -> None:
        try:
            exchange, count = refused(record)
        except (KeyError, TypeError, ValueError):
            self._note("refusals that are left out: their record is not what the guard writes")
            return
        if self._matcher(exchange):
            gather.refusals(exchange, count)

    def _note(self, sentence: str) -> None:
        self._notes.append(f"{self._task.source.name}: {sentence}")


def records_of(lines: Sequence[bytes], note: Note) -> list[Line]:
    """The lines of an exchange as objects, without those that are none."""
    records = []
    for line in lines:
        record = parsed(line)
        if record is None:
            note("a line is not a record and left out")
        else:
            records.append(record)
    return records


def refused(record: Line) -> tuple[dict[str, Any], int]:
    """What is known of refusals that were counted, as of one exchange, and how many there were.

    Raises:
        KeyError, TypeError, ValueError: the record is not what the guard writes.
    """
    response = {"status": record["status"], "body": None}
    outcome = {"kind": "outcome", "id": "", "response": response, "end": "refused", "reason": record["reason"]}
    start = {"kind": "prompt", "id": "", "at": record["to"], "client": record["client"]}
    exchange = join([start, outcome])
    check(exchange)
    if type(record["count"]) is not int or record["count"] < 0:
        raise ValueError("count")
    return exchange, record["count"]


def judge(records: list[Line], matcher: Callable[[dict[str, Any]], bool], gather: Gather[T], note: Note) -> None:
    """Put an exchange together, and give it on if it is wanted."""
    if not records:
        return
    try:
        exchange = join(records)
        check(exchange)
    except (AttributeError, KeyError, TypeError, ValueError):
        note(f"the exchange {records[0].get('id')} is left out: its lines are not what the guard writes")
        return
    if matcher(exchange):
        gather.add(exchange)
