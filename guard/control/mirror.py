"""What a machine's control log lacks of the changes that the store has, and the store of those that the log has.

The order of the store counts on every machine. A log is only ever added to, and a change in it may stand there twice:
its last place is the one that matters. So a log says the same as the store when its changes, each at its last place,
are in the store's order. From the first one on that the log does not have, or has too early, all are written into it
once more; then they are the last, in the right order. None of this does I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

from guard import changes
from guard.custody.measures import fit_change
from guard.store.changes import Known, Page, Published, Stored

Record = Mapping[str, Any]

SHARED = frozenset(kind.__struct_config__.tag for kind in get_args(changes.AnyChange))
OWN = frozenset({"hold", "release", "export", "delete"})
"""What is done with one machine's journal is that machine's own."""


class Mirror:
    """Compares a control log with the changes of a store, each read in its order, piece by piece.

    Attributes:
        epoch: of which history of the store; None: not known yet.
        version: up to which of its changes the log agrees.
        before: the link of that change; None: not known.
        reached: who has so many records of the log has those changes.
        missing: by id, changes of the log that the store may not have, and has not been sent.
    """

    def __init__(self, node: str, seq: int = 0, epoch: str | None = None, version: int = 0, before: str = "") -> None:
        """The log's records before `seq` are known to agree with that much of the store's changes."""
        self.epoch = epoch
        self.version = version
        self.before: str | None = before
        self.reached = seq
        self.missing: dict[str, Record] = {}
        self._node = node
        self._places: dict[str, int] = {}

    def begin(self, records: Iterable[Record]) -> None:
        """Take the log as it is at the start; whether the store has all of that is seen when it is `compared`."""
        for record in records:
            if is_shared(record):
                self._places[self.id_of(record)] = record["seq"]

    def local(self, records: Iterable[Record]) -> None:
        """Take what was added to the log since."""
        for record in records:
            if is_shared(record):
                id_ = self.id_of(record)
                if "store" in record:
                    self._found(id_)
                else:
                    self._places[id_] = record["seq"]
                    self.missing[id_] = record

    def fits(self, page: Page) -> bool:
        """Whether what the store now says goes on from what it has said; else it was emptied, or has lost changes."""
        same = self._is_of(page.epoch) and page.version >= self.version
        return same and (self.before is None or page.before == self.before)

    def lacking(self, found: Sequence[Stored]) -> list[dict[str, Any]]:
        """What has to be written into the log for it to agree with these changes too, the next ones of the store."""
        agreed = self._agreed(found)
        return [{**one.record, "store": one.version} for one in found[agreed:] if _is_fit(one) and one.record]

    def take(self, found: Sequence[Stored], written: Sequence[Record]) -> None:
        """These changes are the next ones; what the log lacked of them is `written`, with their numbers."""
        for one in found[: self._agreed(found)]:
            if _is_fit(one):
                self.reached = self._places[one.id] + 1
                self._found(one.id)
        for record in written:
            self.reached = record["seq"] + 1
            self._found(str(record["id"]))
        self.version, self.before = found[-1].version, found[-1].link

    def sent(self, published: Published, end: int) -> bool:
        """The store has these of the missing changes. `end`: how many records the log has, or more.

        Where it had one already, among those that were compared, and the log has that once more since, the store's are
        compared again from there on. False: they went into another history.
        """
        if not self._is_of(published.epoch):
            return False
        for id_ in published.versions:
            self.missing.pop(id_, None)
        first = min((at for id_, at in published.versions.items() if id_ in self._places), default=self.version + 1)
        if first <= self.version:
            self.version, self.before, self.reached = first - 1, None, max(end, self.reached)
        return True

    def unsent(self) -> dict[str, int]:
        """By id, those of the log's first changes that the store turned out not to have; where their last place is."""
        return {id_: seq for id_, seq in self._places.items() if id_ not in self.missing}

    @property
    def agrees(self) -> bool:
        """Whether all of the log that was read is among the store's changes that were."""
        return not self._places

    @property
    def known(self) -> Known:
        """What is known of the store's history."""
        version, link = (self.version, self.before) if self.before is not None else (0, "")
        return Known(self.epoch or "", version, link)

    def id_of(self, record: Record) -> str:
        """A change's id; earlier programs gave it none."""
        id_ = record.get("id")
        return id_ if isinstance(id_, str) and id_ else f"{self._node}-{record['seq']}"

    def _is_of(self, epoch: str) -> bool:
        """Whether that is the history that this is about; an empty one may become any."""
        if self.epoch is None or (self.epoch == "" and self.version == 0):
            self.epoch = epoch
        return epoch == self.epoch

    def _agreed(self, found: Sequence[Stored]) -> int:
        """How many of these the log has already, in their order and behind those before them."""
        reached = self.reached
        for number, one in enumerate(found):
            if not _is_fit(one):
                continue
            place = self._places.get(one.id, -1)
            if place < reached:
                return number
            reached = place + 1
        return len(found)

    def _found(self, id_: str) -> None:
        self._places.pop(id_, None)
        self.missing.pop(id_, None)


def is_shared(record: Record) -> bool:
    """Whether a record of a control log is of all machines: a measure; one that came from there is, whatever it is."""
    change = record.get("change")
    return "store" in record or (isinstance(change, dict) and change.get("type") in SHARED)


def trouble_of(one: Stored) -> str:
    """Why an entry of the store is passed over; empty: it is not."""
    if one.record is None:
        return one.trouble
    if not _is_fit(one):
        return f"{one.record['change']['type']} is for one machine only"
    try:
        fit_change(one.record)
    except changes.ChangeError as error:
        return str(error)
    return ""


def _is_fit(one: Stored) -> bool:
    """Whether an entry of the store goes into logs; nobody can release another machine's evidence through it."""
    return one.record is not None and one.record["change"]["type"] not in OWN
