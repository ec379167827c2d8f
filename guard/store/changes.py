"""The changes of a fleet in the order that counts on all its machines, wherever the store keeps them.

A change has a version: how many there are with it. It has its own `id`, by which the store knows one that it has, and a
`link`, the hash of the link before it and this `id`: two histories that have the same link at a version are the same up
to there. The first of a history comes with a word, its epoch: where that is another one, so is the history.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import orjson
from msgspec import Meta, Struct
from msgspec.json import Decoder

from guard.changes import VersionError
from guard.store.errors import StoreError

BATCH = 1_000
BATCH_BYTES = 1_048_576
"""What a store is sent, and gives out, at a time: not so much that others wait for long."""

WORDS_BYTES = 1_024
"""An id and a link have so many at most. Nobody else has put there what is longer."""


class Stored(NamedTuple):
    """A change in the store; `record` is None if what is there is none, and `trouble` says why."""

    version: int
    id: str
    record: dict[str, Any] | None
    link: str
    trouble: str = ""


class _Kind(Struct):
    type: str


class _Shape(Struct):
    """What a record has at the least, whatever program has made it."""

    id: Annotated[str, Meta(min_length=1, max_length=256)]
    at: float
    actor: str
    reason: str
    change: _Kind
    incident: str | None = None
    expires: float | None = None


class Page(NamedTuple):
    """Some of the changes in a row, and what else was so at that time.

    Attributes:
        epoch: the history's word; "" while there are no changes.
        version: of the last change there is.
        before: the link of the change that they follow; "" if there is none with that number.
        changes: those that follow, in order.
    """

    epoch: str
    version: int
    before: str
    changes: list[Stored]


class Published(NamedTuple):
    """The versions that some changes have, by id, and in which history ("": there is none)."""

    epoch: str
    versions: dict[str, int]


class Known(NamedTuple):
    """What somebody knows of a history: its word ("": nothing), and of one of its changes the version and the link."""

    epoch: str = ""
    version: int = 0
    link: str = ""


NOTHING = Known()


class Entry(NamedTuple):
    """A change that is to be added: its id, its record as `encoded`, and the number that it had before, if it had one:
    in another store, or in a machine's own log. It means nothing where several machines share a store.
    """

    id: str
    line: bytes
    number: int = 0


class Added(NamedTuple):
    """What became of changes that were to be added.

    Attributes:
        version: of the last change there is now.
        versions: those that they have, in their order; None: the version was another than they were for.
        epoch: the history's word.
    """

    version: int
    versions: list[int] | None
    epoch: str = ""


class Changes(ABC):
    """The changes in a store. Every method may raise StoreError: it cannot be reached, is too slow, or refuses.

    Attributes:
        address: where the store is, as it may be shown.
    """

    address: str

    def version(self) -> int:
        """Of the last change there is; 0: there is none."""
        return self.read(0, 0).version

    def epoch(self) -> str:
        """The word of this history; "" while there are no changes."""
        return self.read(0, 0).epoch

    def between(self, first: int, last: int) -> Iterator[Stored]:
        """Those of these versions, however many they are."""
        while first <= last and (found := self.read(first - 1, min(last - first + 1, BATCH)).changes):
            yield from (one for one in found if one.version <= last)
            first = found[-1].version + 1

    def append(self, record: Mapping[str, Any], if_version: int | None = None) -> int:
        """Add a change. Likewise."""
        return self.append_all([record], if_version)[0]

    def append_all(
        self, records: Sequence[Mapping[str, Any]], if_version: int | None = None, after: Known = NOTHING
    ) -> list[int]:
        """Add changes, each with its `id`, in a row and all of them or none; with `if_version` only if that is the
        version now, and always only to a history that goes on from what is known: in one that lost something they
        would come before that.

        Returns their versions; that of one that the store has already, if it has this id.

        Raises:
            VersionError: the version is another.
        """
        added = self.add([Entry(str(record["id"]), encoded(record)) for record in records], if_version, after)
        if added.versions is None:
            assert if_version is not None
            raise VersionError(added.version, if_version)
        return added.versions

    def publish(self, records: Iterable[Mapping[str, Any]], after: Known = NOTHING) -> Published:
        """Add those of these changes that the store does not have, to a history that goes on from what is known.

        Other machines' changes may come between them.
        """
        epoch = ""
        found: dict[str, int] = {}
        for batch in _batches(records):
            known = self.known([entry.id for entry in batch])
            missing = [entry for entry in batch if entry.id not in known.versions]
            versions, now = known.versions, known.epoch
            if missing:
                added = self.add(missing, None, after)
                versions |= {entry.id: version for entry, version in zip(missing, added.versions or (), strict=True)}
                now = added.epoch
            if (epoch or known.epoch) not in ("", now):
                raise StoreError(f"the store {self.address}: it was emptied meanwhile")
            epoch = now
            found |= versions
        return Published(epoch, found)

    @abstractmethod
    def add(self, entries: Sequence[Entry], if_version: int | None = None, after: Known = NOTHING) -> Added:
        """Add changes in one step: see `append_all`."""

    @abstractmethod
    def known(self, ids: Sequence[str]) -> Published:
        """Those of these ids (some) that the store has."""

    @abstractmethod
    def read(self, after: int, count: int = BATCH) -> Page:
        """The changes after that version, at most so many."""

    def _lost(self) -> StoreError:
        """The history does not go on from what is known."""
        return StoreError(f"the store {self.address}: it has lost changes, and what was ordered before comes first")

    @abstractmethod
    def wait(self, after: int, seconds: float) -> bool:
        """Wait until there is a change after that version, for so long at most; whether there is one."""


def _batches(records: Iterable[Mapping[str, Any]]) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    size = 0
    for record in records:
        batch.append(Entry(str(record["id"]), encoded(record), _number(record)))
        size += len(batch[-1].line)
        if len(batch) == BATCH or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


_LOCAL = ("seq", "chain", "kind", "store")
"""What a record has in a machine's own log only."""


def _number(record: Mapping[str, Any]) -> int:
    number = record.get("store") or record.get("seq", -1) + 1
    return number if isinstance(number, int) else 0


def encoded(record: Mapping[str, Any]) -> bytes:
    """A record as it is kept in a store: JSON, without what is one machine's own."""
    return orjson.dumps({name: value for name, value in record.items() if name not in _LOCAL})


def stored(version: int, id_: bytes | str, line: bytes, link: bytes | str) -> Stored:
    """What a store has as a change; an empty `line` is none."""
    name = text(id_)
    try:
        record = _record(name, line)
    except ValueError as error:
        return Stored(version, name, None, text(link), str(error))
    return Stored(version, name, record, text(link))


def _record(name: str, line: bytes) -> dict[str, Any]:
    """What a log may have; whoever can write into the store may have put anything there.

    Raises:
        ValueError: it is no change.
    """
    if not line:
        raise ValueError("it has not the members of a change, or is too long")
    try:
        shape, record = _shape(line), orjson.loads(line)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if shape.id != name:
        raise ValueError("its record is of another id")
    own = {"kind": "change", **{member: value for member, value in record.items() if member not in _LOCAL}}
    try:
        orjson.dumps(own)
    except orjson.JSONEncodeError as error:
        raise ValueError(f"it cannot be written down: {error}") from None
    return own


_shape = Decoder(_Shape).decode


def text(word: bytes | str) -> str:
    """A word of the store's; whatever is no UTF-8 in it as escapes."""
    return word if isinstance(word, str) else word.decode("utf-8", "backslashreplace")
