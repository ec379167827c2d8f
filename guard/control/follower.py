"""The store's changes into a machine's own control log, and that log's into the store: one step, again and again.

Workers read their machine's log and nothing else, so that what was in force stays so while the store is away. What is
ordered meanwhile goes into the log, and into the store when it is back. A store that was emptied, or that lost its
newest changes when another server took over, gets back what it had from the machines that have it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from guard.control import note
from guard.control.mirror import Mirror, Record, trouble_of
from guard.control.note import Note
from guard.control.parcels import Parcels
from guard.custody.bundles import Shelf
from guard.custody.control import Pen, changes
from guard.custody.rulings import bundle_of
from guard.custody.snapshot import FILE as SNAPSHOT
from guard.custody.snapshot import restore
from guard.custody.tail import Tail
from guard.journal.chain import Position
from guard.proof.node import node_name
from guard.store.changes import BATCH, NOTHING, Stored
from guard.store.errors import StoreError
from guard.store.opening import Opened

NOTE_EVERY = 1_000
"""Records of the control log between two notes."""
MOST_AGAIN = 1_000
"""Changes that the store does not have, of which no more are written once more."""

logger = logging.getLogger("guard.control")

Progress = Callable[[int, int], None]
"""Is told that who has so many records of the control log has the store's changes up to a version; 0, 0: begin anew."""


class _OtherHistoryError(Exception):
    """What the store says does not go on from what it has said."""


class Follower:
    """Keeps one machine's control log and the store in step.

    Attributes:
        known: what the store had when log and store were even last.
    """

    def __init__(
        self, store: Opened, state: Path, journal: Path, progress: Progress = lambda _reached, _version: None
    ) -> None:
        self._shared = store.changes
        self._state = state
        self._journal = journal
        self._progress = progress
        self._node = node_name(state)
        self._parcels = Parcels(store.bundles, Shelf(state))
        self._tail = Tail(journal)
        self._pen = Pen(journal, self._node)
        self._mirror: Mirror | None = None
        self._compared = False
        self._even = -1
        self._again = False
        self.known = NOTHING
        self._noted = -NOTE_EVERY

    @property
    def version(self) -> int:
        """Up to which of the store's changes the control log agrees."""
        return self._mirror.version if self._mirror else 0

    def is_even(self, records: int = 0) -> bool:
        """Whether log and store were compared, and what one had that the other lacked was exchanged: the store has all
        of so many records of the log.
        """
        return self._mirror is not None and self._compared and self._even >= records

    def step(self, wait: float = 0.0) -> None:
        """Exchange what is new; then wait for so many seconds, or until there is more in the store.

        Raises:
            StoreError: the store cannot be reached, is too slow, or refuses.
            ControlError: the control log cannot be relied on, or somebody holds it.
            OSError: it cannot be read or written.
        """
        mirror = self._mirror = self._mirror or self._begin()
        try:
            mirror.local(self._tail.news())
            self._pull(mirror)
            if self._push(mirror):
                self._pull(mirror)
        except _OtherHistoryError:
            self._mirror = None
            note.forget(self._state)
            if self._again:
                raise StoreError(f"the store {self._shared.address}: it has another history each time") from None
            self._again = True
            logger.warning("the store has another history than before; all changes are compared with it")
            return
        self._compared, self._again = True, False
        self.known = mirror.known
        if not mirror.missing:
            self._even = self._tail.position.seq
        self._parcels.again()
        if mirror.agrees and self._tail.position.seq - self._noted >= NOTE_EVERY:
            self._note(mirror)
        if wait:
            self._shared.wait(mirror.version, wait)

    def finish(self) -> None:
        """Take a note of how far it came, for the next one.

        Raises:
            OSError: it cannot be written.
        """
        if self._mirror is not None and self._compared and self._mirror.agrees:
            self._note(self._mirror)

    def _begin(self) -> Mirror:
        """Read the log, but for what was compared with the same store before."""
        self._shared.version()  # nothing is read for a store that is not there
        self._tail = Tail(self._journal)
        self._compared, self._even = False, -1
        self._progress(0, 0)
        mirror = Mirror(self._node)
        found = note.read(self._state)
        if found is not None and self._tail.resume(Position(found.seq, found.chain)):
            mirror = Mirror(self._node, found.seq, found.epoch, found.version, found.before)
            self._noted = found.seq
        mirror.begin(self._tail.news())
        self._parcels.begin(self._bundle())
        return mirror

    def _bundle(self) -> str | None:
        """The pushed rules that the log says are in force."""
        tail = Tail(self._journal)
        measures = restore(self._state / SNAPSHOT, tail)
        measures.read(tail.lines())
        return bundle_of(measures)

    def _pull(self, mirror: Mirror) -> None:
        """Bring the log to where the store is."""
        more = True
        while more:
            page = self._shared.read(mirror.version)
            if not mirror.fits(page):
                raise _OtherHistoryError
            if page.changes:
                lacking = mirror.lacking(page.changes)
                self._parcels.fetch(lacking)
                self._take(mirror, page.changes, lacking)
                _tell(page.changes)
            self._progress(mirror.reached, mirror.version)
            more = page.version > mirror.version
        mirror.local(self._tail.news())

    def _take(self, mirror: Mirror, found: Sequence[Stored], lacking: list[dict[str, Any]]) -> None:
        """Write into the log what it lacks of these changes, and do not read that again.

        What the store does not have yet counts as ordered later, so it comes once more behind that: else what was
        before it would be in force until it is sent.
        """
        there = {one.id for one in found}
        later = [{**record, "id": id_} for id_, record in mirror.missing.items() if id_ not in there]
        behind = later if lacking and len(later) <= MOST_AGAIN else []
        written = self._pen.write([*lacking, *map(_placeless, behind)]) if lacking else []
        if written:
            self._tail.pass_over(self._pen.written)
        mirror.take(found, written[: len(lacking)])
        mirror.local(written[len(lacking) :])

    def _push(self, mirror: Mirror) -> bool:
        """Send the store what it lacks; whether there was something."""
        unsent = {} if self._compared else mirror.unsent()
        lost = (record for record in changes(self._journal) if unsent.get(mirror.id_of(record)) == record["seq"])
        sent = False
        for batch in _batches(lost if unsent else (), list(mirror.missing.values())):
            named = [{"origin": self._node, **record, "id": mirror.id_of(record)} for record in batch]
            self._parcels.offer(batch)
            before = mirror.version
            if not mirror.sent(self._shared.publish(named, mirror.known), self._tail.position.seq):
                raise _OtherHistoryError
            if mirror.version < before:
                self._back()
            sent = True
        return sent

    def _back(self) -> None:
        """Some of what was compared is to be compared again, and a note that says it agrees is wrong."""
        note.forget(self._state)
        self._noted = -NOTE_EVERY
        self._progress(0, 0)

    def _note(self, mirror: Mirror) -> None:
        seq, chain = self._tail.position
        if mirror.epoch and mirror.before is not None and seq:
            note.write(self._state, Note(mirror.epoch, mirror.version, mirror.before, seq, chain))
            self._noted = seq


def _placeless(record: Record) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in ("seq", "chain")}


def _tell(found: Sequence[Stored]) -> None:
    """Tell of what is passed over, once, for it has gone by then; of much only the first."""
    troubles = [(one.version, trouble) for one in found if (trouble := trouble_of(one))]
    if troubles:
        (version, trouble), count = troubles[0], len(troubles)
        more = f", and so are {count - 1} of the {len(found)} after it" if count > 1 else ""
        logger.error("the store's change %d is none for this machine and is passed over: %s%s", version, trouble, more)


def _batches(*many: Iterable[Record]) -> Iterator[list[Record]]:
    for records in map(iter, many):
        while batch := list(islice(records, BATCH)):
            yield batch
