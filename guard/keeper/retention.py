"""Deleting what is old enough, or too much: sealed segments, the oldest first, with a signed tombstone for each.

The tombstone is on disk before the records go, and the control log tells of it after that. A crash between any two of
these steps is made good by the next keeper. Nobody can hold a segment in the midst: holding and deleting exclude each
other by the control log's lock.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from time import time
from typing import Any, NamedTuple

from guard.archive.manifest import Manifest, check_place, opened
from guard.archive.statement import read
from guard.archive.tombstone import Tombstone
from guard.custody.control import ControlError, append, changes, locked
from guard.custody.holds import Hold, in_force
from guard.faults import Faults
from guard.journal.folder import CONTROL, MANIFEST, PLAIN, SEALED, TOMBSTONE, Segment, logs, sync_folder
from guard.keeper.listing import Listing
from guard.keeper.orders import Orders
from guard.keeper.standing import Standing
from guard.proof.files import replace
from guard.proof.keys import signer
from guard.proof.node import node_name
from guard.proof.note import Signer

DELETE = "delete"
ACTOR = "guard keeper"

logger = logging.getLogger("guard.keeper")


class _Sealed(NamedTuple):
    segment: Segment
    manifest: Manifest


class Retention:
    """Keeps the journal as `journal.retention` says."""

    def __init__(self, orders: Orders, standing: Standing, clock: Callable[[], float] = time) -> None:
        self._orders = orders
        self._standing = standing
        self._clock = clock
        self._listings: dict[str, Listing] = {}
        self._manifests: dict[tuple[str, int], Manifest] = {}
        self._unfinished = True
        self._faults = Faults(logger)
        self._holds: list[Hold] = []
        self._read: list[tuple[Path, int]] = []

    def step(self) -> None:
        """Delete what is due.

        Raises:
            ControlError: the control log cannot be relied on; nothing is deleted then.
            NoteError: a manifest is not what was signed.
            OSError, ValueError: a file, or the key, cannot be used.
        """
        if self._unfinished:
            self._finish()
            self._unfinished = False
        for one, reason in self._due():
            self._unfinished = True
            self._delete(one, reason)
            self._unfinished = False

    def _due(self) -> list[tuple[_Sealed, str]]:
        rules = self._orders.journal.retention
        if rules.age is None and rules.bytes is None:
            return []
        found = sorted(self._sealed(), key=_ended)
        size = self._size() if rules.bytes is not None else 0
        due, kept = [], False
        for one in found:
            reason = self._reason(one, size)
            if reason is None:
                continue
            if self._may_go(one):
                due.append((one, reason))
                size -= one.manifest.sealed
            else:
                kept = True
        self._tell_of_size(rules.bytes, kept=kept and rules.bytes is not None and size > rules.bytes)
        return due

    def _tell_of_size(self, most: int | None, *, kept: bool) -> None:
        """What is held takes room all the same: whoever has to see to the disk should know."""
        if kept:
            what = f"the journal takes more than {most} bytes, for some of it is held, or not shipped yet"
            self._faults.tell("retention", what, logging.WARNING)
        else:
            self._faults.over("retention")

    def _reason(self, one: _Sealed, size: int) -> str | None:
        """Why it should go, with so many bytes in the journal."""
        rules = self._orders.journal.retention
        if rules.age is not None and _ended(one) < self._clock() - rules.age:
            return f"its last record is older than {rules.age:g} seconds"
        if rules.bytes is not None and size > rules.bytes:
            return f"the journal takes more than {rules.bytes} bytes"
        return None

    def _may_go(self, one: _Sealed) -> bool:
        """Whether nobody holds it, and it was shipped if it is to be."""
        sink = self._orders.journal.ship.redis.url is not None
        shipped = not sink or self._standing.shipped.get(one.segment.log, 0) >= one.manifest.end
        return shipped and not self._held(one.segment, one.manifest)

    def _held(self, segment: Segment, manifest: Manifest) -> bool:
        """Whether a hold covers it. The control log is read again when it has changed."""
        files = [one.path(PLAIN) for one in self._segments(CONTROL)]
        stamp = [(path, path.stat().st_size) for path in files if path.exists()]
        if stamp != self._read or not stamp:
            self._holds = in_force(self._changes())
            self._read = stamp
        return any(hold.covers(segment.log, manifest.since, manifest.to) for hold in self._holds)

    def _changes(self) -> list[dict[str, Any]]:
        """All changes there ever were: a control log that was cut back may have lost a hold.

        Raises:
            ControlError: some are missing, or cannot be relied on.
        """
        found = list(changes(self._orders.folder))
        count, signed = found[-1]["seq"] + 1 if found else 0, self._standing.signed.get(CONTROL, 0)
        if count < signed:
            raise ControlError(f"control: its checkpoint was signed for {signed} records, and it has only {count}")
        return found

    def _sealed(self) -> list[_Sealed]:
        """The sealed segments that have their records; `control` tells what was deleted, and stays."""
        names = [log for log in logs(self._orders.folder) if log != CONTROL]
        segments = [segment for log in names for segment in self._segments(log)]
        return [
            _Sealed(segment, self._manifest(segment))
            for segment in segments
            if segment.sealed and segment.manifest and not segment.plain
        ]

    def _segments(self, log: str) -> list[Segment]:
        return self._listings.setdefault(log, Listing(self._orders.folder, log)).segments()

    def _manifest(self, segment: Segment) -> Manifest:
        key = segment.log, segment.base
        if key not in self._manifests:
            found = opened(read(segment.path(MANIFEST)), [self._signer(segment.log).verifier])
            check_place(found, segment)
            self._manifests[key] = found
        return self._manifests[key]

    def _size(self) -> int:
        """Bytes of all records, sealed or not."""
        return sum(self._bytes(segment) for log in logs(self._orders.folder) for segment in self._segments(log))

    def _bytes(self, segment: Segment) -> int:
        known = self._manifests.get((segment.log, segment.base))
        if known is not None and not segment.plain:
            return known.sealed
        there = [suffix for suffix, one in ((PLAIN, segment.plain), (SEALED, segment.sealed)) if one]
        return sum(segment.path(suffix).stat().st_size for suffix in there)

    def _delete(self, one: _Sealed, reason: str) -> None:
        """Delete a segment, unless it is held."""
        segment, manifest = one
        with locked(self._orders.folder):
            if self._held(segment, manifest):
                return
            content = read(segment.path(MANIFEST))
            stone = Tombstone.over(content, at=self._clock(), actor=ACTOR, reason=reason)
            replace(segment.path(TOMBSTONE), stone.sign(self._signer(segment.log)))
            self._remove(segment)
        self._tell(segment, manifest, reason)
        self._manifests.pop((segment.log, segment.base), None)

    def _finish(self) -> None:
        """Bring to an end what was begun: each tombstone's records go, and the control log tells of it."""
        told = None
        for log in logs(self._orders.folder):
            for segment in self._segments(log):
                if not segment.tombstone:
                    continue
                manifest = self._manifest(segment)
                told = self._told() if told is None else told
                if not segment.deleted and not self._removed_unless_held(segment, manifest):
                    continue
                if (segment.log, segment.base) not in told:
                    self._tell(segment, manifest, "a deletion that had begun")

    def _removed_unless_held(self, segment: Segment, manifest: Manifest) -> bool:
        with locked(self._orders.folder):
            if self._held(segment, manifest):
                return False
            self._remove(segment)
        return True

    def _remove(self, segment: Segment) -> None:
        segment.path(SEALED).unlink(missing_ok=True)
        segment.path(PLAIN).unlink(missing_ok=True)
        sync_folder(segment.folder)

    def _tell(self, segment: Segment, manifest: Manifest, reason: str) -> None:
        what = {"type": DELETE, "log": segment.log, "base": segment.base, "count": manifest.count}
        times = {"from": manifest.since, "to": manifest.to}
        append(self._orders.folder, {**what, **times}, reason=reason, actor=ACTOR, node=self._node())
        logger.info("deleted %s: %d records; %s", segment.name, manifest.count, reason)

    def _told(self) -> set[tuple[object, object]]:
        """The segments whose deletion the control log tells of."""
        found = (record["change"] for record in self._changes())
        return {(one.get("log"), one.get("base")) for one in found if one.get("type") == DELETE}

    def _node(self) -> str:
        return node_name(Path(self._orders.state))

    def _signer(self, log: str) -> Signer:
        return signer(Path(self._orders.state), self._node(), log)


def _ended(one: _Sealed) -> float:
    """When its last record is from; where no record has a time, when it was sealed."""
    to = one.manifest.to
    return one.segment.path(MANIFEST).stat().st_mtime if to is None else to
