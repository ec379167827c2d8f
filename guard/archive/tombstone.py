"""Tombstones: that a segment's records were deleted, by whom, when and why; signed. Its manifest stays."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Self

import msgspec

from guard.archive.manifest import unverified
from guard.archive.statement import compose, parse
from guard.proof.note import NoteError, Signer, Verifier, verified

FORM = "guard/tombstone/v1"


class Tombstone(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A deletion. `manifest` is the SHA-256 of the manifest's file, in hexadecimal; `at` is seconds since the epoch."""

    log: str
    base: int
    count: int
    manifest: str
    at: float
    actor: str
    reason: str

    @classmethod
    def over(cls, manifest: bytes, *, at: float, actor: str, reason: str) -> Self:
        """That of the records which this manifest (its file's content) is about.

        Raises:
            NoteError: it is no manifest.
        """
        found = unverified(manifest)
        digest = sha256(manifest).hexdigest()
        return cls(
            log=found.log, base=found.base, count=found.count, manifest=digest, at=at, actor=actor, reason=reason
        )

    def sign(self, signer: Signer) -> bytes:
        """This tombstone as a signed note."""
        return signer.sign(compose(FORM, self))

    def check(self, manifest: bytes) -> None:
        """See to it that this is about the records which the manifest (its file's content) is about.

        Raises:
            NoteError: it is not, or that is no manifest.
        """
        found = unverified(manifest)
        if (self.log, self.base, self.count) != (found.log, found.base, found.count):
            raise NoteError(f"it is that of the {self.count} records from {self.log}/{self.base} on")
        if self.manifest != sha256(manifest).hexdigest():
            raise NoteError("it is that of another manifest of these records")


def opened(data: bytes, keys: Iterable[Verifier]) -> Tombstone:
    """The tombstone in a note that one of these keys signed for the tombstone's log.

    Raises:
        NoteError: it is no tombstone, or not signed so.
    """
    text, key = verified(data, keys)
    found = parse(text, FORM, Tombstone)
    if key.name.rpartition("/")[2] != found.log:
        raise NoteError(f"it is a tombstone of {found.log}, signed by {key.name}")
    return found
