"""What is signed about a log: its manifests, tombstones and newest checkpoint, each verified or told why it is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from guard.archive import manifest as manifests
from guard.archive import tombstone as tombstones
from guard.archive.damage import Problem
from guard.archive.manifest import Manifest, check_place
from guard.archive.statement import read
from guard.journal.folder import CHECKPOINT, MANIFEST, TOMBSTONE, Segment
from guard.proof import checkpoint as checkpoints
from guard.proof.checkpoint import Checkpoint
from guard.proof.note import NoteError, UntrustedError, Verifier

T = TypeVar("T")


class Stated(NamedTuple):
    """A segment with its manifest, if it has one that can be read; `proven` if its signature is right too."""

    segment: Segment
    manifest: Manifest | None = None
    proven: bool = False


class Statements:
    """Reads a log's statements, and collects what is wrong with them."""

    def __init__(self, log: str, keys: list[Verifier]) -> None:
        self.log = log
        self.keys = keys
        self.problems: list[Problem] = []
        self._unkeyed = False

    def of(self, segment: Segment) -> Stated:
        """What is stated about a segment."""
        found = Stated(segment)
        note = self._read(segment.path(MANIFEST), segment.base) if segment.manifest else None
        if note is not None:
            found = self._manifest(segment, note)
        if segment.tombstone:
            self._tombstone(segment, note)
        if reason := _lacks(segment):
            self._tell(segment.base, None, reason)
        return found

    def checkpoint(self, note: bytes | None) -> Checkpoint | None:
        """The newest checkpoint, as it is in its file."""
        if note is None:
            return None
        return self._try(lambda: checkpoints.opened(note, self.keys), None, f"{self.log}/{CHECKPOINT}")

    def _manifest(self, segment: Segment, note: bytes) -> Stated:
        def proven() -> Manifest:
            found = manifests.opened(note, self.keys)
            check_place(found, segment)
            return found

        found = self._try(proven, segment.base, _name(segment, MANIFEST))
        if found is not None:
            return Stated(segment, found, proven=True)
        try:  # good enough to look into the records
            stated = manifests.unverified(note)
            check_place(stated, segment)
        except NoteError:
            return Stated(segment)
        return Stated(segment, stated)

    def _tombstone(self, segment: Segment, manifest: bytes | None) -> None:
        note = self._read(segment.path(TOMBSTONE), segment.base)
        if note is None:
            return

        def fits() -> None:
            found = tombstones.opened(note, self.keys)
            if (found.log, found.base) != (segment.log, segment.base):
                raise NoteError(f"it is the tombstone of {found.log}/{found.base}")
            if manifest is not None:
                found.check(manifest)

        self._try(fits, segment.base, _name(segment, TOMBSTONE))

    def _read(self, path: Path, seq: int) -> bytes | None:
        try:
            return read(path)
        except FileNotFoundError:  # it was listed a moment ago: the listing is made anew then
            self._tell(seq, f"{self.log}/{path.name}", "it is gone")
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            self._tell(seq, f"{self.log}/{path.name}", f"it cannot be read ({reason})")
        return None

    def _try(self, open_: Callable[[], T], seq: int | None, file: str) -> T | None:
        try:
            return open_()
        except UntrustedError as error:
            if self.keys:
                self._tell(seq, file, str(error))
            elif not self._unkeyed:  # as much is true of everything that is signed
                self._unkeyed = True
                self._tell(None, None, "what is signed here is not verified, for no key was named to trust")
        except NoteError as error:
            self._tell(seq, file, str(error))
        return None

    def _tell(self, seq: int | None, file: str | None, reason: str) -> None:
        self.problems.append(Problem(self.log, reason, seq, file))


def _lacks(segment: Segment) -> str | None:
    """Which file of a segment is missing, if one is."""
    if not segment.manifest:
        if segment.tombstone:
            return "there is a tombstone without a manifest"
        return None if segment.plain else "there is a sealed file without a manifest"
    if segment.deleted:
        return None if segment.tombstone else "its records are gone, and no tombstone says why"
    return None if segment.sealed else "there is a manifest, but not the sealed file that it is about"


def _name(segment: Segment, suffix: str) -> str:
    return f"{segment.log}/{segment.path(suffix).name}"
