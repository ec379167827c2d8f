"""What a list comes to, whatever its format: entries, and what is told of the rest."""

from __future__ import annotations

from datetime import UTC, datetime
from math import isfinite
from typing import Any, NamedTuple

import orjson

MOST_BYTES = 67_108_864
MOST_ENTRIES = 1_000_000
MOST_PROBLEMS = 1_000
REASON_CHARACTERS = 512
LATEST = 253_402_300_799.0
"""The last second of the year 9999."""


class Entry(NamedTuple):
    """Somebody to block, as `guard.changes.Block` names them, and what the list says of that.

    `expires` is in seconds since the epoch (None: the list does not say), `at` when it began, `confidence` 0 to 100.
    """

    kind: str
    value: str
    simulated: bool = False
    expires: float | None = None
    reason: str = ""
    incident: str | None = None
    confidence: int | None = None
    at: float = 0.0

    @property
    def key(self) -> tuple[str, str]:
        """Whom it is about."""
        return self.kind, self.value


class LeftOut(NamedTuple):
    """Something that the guard cannot block, or a format cannot say: where it stands in the list, and why."""

    place: str
    why: str


class Listed(NamedTuple):
    """What a list has: entries, how many are `over` (expired or revoked), and what is left out."""

    entries: list[Entry]
    over: int
    left_out: list[LeftOut]


class Problem(NamedTuple):
    """A mistake in a list: where, what is wrong, and what was expected."""

    place: str
    wrong: str
    expected: str


class ListError(Exception):
    """A list cannot be read; nothing of it may be used."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(f"{one.place}: {one.wrong}; expected {one.expected}" for one in problems))
        self.problems = problems


class Gathered:
    """A list while it is read."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.over = 0
        self.left_out: list[LeftOut] = []
        self.problems: list[Problem] = []
        self._entries: dict[tuple[str, str], Entry] = {}

    def add(self, entry: Entry) -> None:
        """Take an entry, unless it is over. Of several on the same one the strictest counts, for the longest time."""
        if entry.expires is not None and entry.expires <= self.now:
            self.over += 1
            return
        before = self._entries.get(entry.key)
        if before is not None:
            entry = merged(before, entry)
        elif len(self._entries) >= MOST_ENTRIES:
            raise ListError([Problem("the list", f"there are more than {MOST_ENTRIES} entries", "several lists")])
        self._entries[entry.key] = entry

    def leave_out(self, place: str, why: str) -> None:
        """Something is left out."""
        self.left_out.append(LeftOut(place, why))

    def wrong(self, place: str, wrong: str, expected: str) -> None:
        """There is a mistake.

        Raises:
            ListError: there are so many that it must be the format.
        """
        self.problems.append(Problem(place, wrong, expected))
        if len(self.problems) >= MOST_PROBLEMS:
            raise ListError(self.problems)

    def listed(self) -> Listed:
        """What the list has.

        Raises:
            ListError: there are mistakes in it.
        """
        if self.problems:
            raise ListError(self.problems)
        return Listed(list(self._entries.values()), self.over, self.left_out)


def merged(one: Entry, other: Entry) -> Entry:
    """What two entries on the same caller come to: whoever is blocked by either is, for as long as either says."""
    if one.simulated != other.simulated:
        return other if one.simulated else one
    if one.expires is None or other.expires is None:
        return other if other.expires is None and one.expires is not None else one
    return other if other.expires > one.expires else one


def text_of(data: bytes) -> str:
    """The text of a list.

    Raises:
        ListError: it is none.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ListError([Problem(f"line {line}", "there is a byte that is no UTF-8", "text")]) from None


def document_of(data: bytes) -> Any:
    """The JSON document of a list.

    Raises:
        ListError: it is none.
    """
    try:
        return orjson.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        why = str(error).partition(":")[0]
        raise ListError([Problem(f"line {error.lineno}", f"this is no JSON ({why})", "one JSON document")]) from None


def moment(text: object) -> float | None:
    """A time of RFC 3339 in seconds since the epoch; None: it is none."""
    if not isinstance(text, str) or len(text) > 40:
        return None
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def timestamp(seconds: float) -> str:
    """The same the other way round, to the millisecond."""
    found = datetime.fromtimestamp(min(max(seconds, 0.0), LATEST), UTC)
    return found.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def is_time(value: object) -> bool:
    """Whether it is a number of seconds since the epoch."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and isfinite(value) and 0 <= value <= LATEST  # type: ignore[operator, arg-type]


def shown(value: object) -> str:
    """A value of somebody else's, short enough to be told."""
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    return repr(text if len(text) <= 60 else text[:57] + "...")


def reason_of(*words: object) -> str:
    """What a list says of an entry, in one line of bounded length."""
    return " ".join(" ".join(word.split()) for word in words if isinstance(word, str))[:REASON_CHARACTERS]
