"""Manifests: what a sealed segment holds, signed. With a manifest a log's root can be computed without the records."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from hashlib import sha256

import msgspec

from guard.archive.compression import SKIPPABLE_HEADER, most
from guard.archive.lines import BLOCK_BYTES, LINE_BYTES
from guard.archive.statement import compose, parse, read
from guard.journal.chain import HASH_BYTES, Position
from guard.journal.folder import MANIFEST, Segment
from guard.proof.note import NoteError, Signer, Verifier, verified
from guard.proof.note import parse as parse_note
from guard.proof.tree import MAX_SIZE, Range, compact

FORM = "guard/manifest/v1"


class Frame(msgspec.Struct, frozen=True, array_like=True):
    """One zstd frame: where in the file it begins, how many bytes it decompresses to, and its first record."""

    offset: int
    plain: int
    first: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was sealed.

    `before` and `after` are the chains around the records; `range` are the hashes of the tree over them; `from` and
    `to` the first and last time that a record has (seconds since the epoch); `plain` and `sealed` are sizes in bytes.
    `left_out` bytes stood behind the records in the plain file and do not count; they are kept at the end of the
    sealed file, in a frame that decompressing leaves out. `sha256` is that of the sealed file, in hexadecimal.
    """

    log: str
    base: int
    count: int
    before: bytes
    after: bytes
    range: tuple[bytes, ...]
    since: float | None = msgspec.field(name="from")
    to: float | None
    plain: int
    sealed: int
    left_out: int
    frames: tuple[Frame, ...]
    sha256: str

    @property
    def end(self) -> int:
        """The number of the record that comes after the last."""
        return self.base + self.count

    @property
    def goes_on(self) -> Position:
        """Where the log is after these records."""
        return Position(self.end, self.after)

    @property
    def leaves(self) -> Range:
        """The tree over these records."""
        return Range(self.base, self.end, self.range)

    @property
    def frames_end(self) -> int:
        """Where in the sealed file the last frame of records ends."""
        return self.sealed - (self.left_out + SKIPPABLE_HEADER if self.left_out else 0)

    def bounds(self, number: int) -> tuple[int, int]:
        """From where to where in the sealed file a frame stands."""
        following = self.frames[number + 1].offset if number + 1 < len(self.frames) else self.frames_end
        return self.frames[number].offset, following

    def frame_of(self, seq: int) -> int:
        """The number of the frame that a record is in."""
        return max(bisect_right(self.frames, seq, key=lambda frame: frame.first) - 1, 0)

    def sign(self, signer: Signer) -> bytes:
        """This manifest as a signed note."""
        return signer.sign(compose(FORM, self))


def opened(data: bytes, keys: Iterable[Verifier]) -> Manifest:
    """The manifest in a note that one of these keys signed for the manifest's log.

    Raises:
        NoteError: it is no manifest, or not signed so.
    """
    text, key = verified(data, keys)
    found = _parsed(text)
    if key.name.rpartition("/")[2] != found.log:
        raise NoteError(f"it is a manifest of {found.log}, signed by {key.name}")
    return found


def unverified(data: bytes) -> Manifest:
    """The manifest in a note, whoever signed it: good enough to find things, no proof of anything.

    Raises:
        NoteError: it is no manifest.
    """
    return _parsed(parse_note(data).text)


def manifest_of(segment: Segment) -> Manifest:
    """What a segment's manifest says, for reading: its signature is not verified.

    Raises:
        NoteError: it is no manifest, or that of another segment.
        OSError: it cannot be read.
    """
    found = unverified(read(segment.path(MANIFEST)))
    check_place(found, segment)
    return found


def check_place(manifest: Manifest, segment: Segment) -> None:
    """See to it that a manifest is that of this segment.

    Raises:
        NoteError: it is another's.
    """
    if (manifest.log, manifest.base) != (segment.log, segment.base):
        raise NoteError(f"it is the manifest of {manifest.log}/{manifest.base}")


def _parsed(text: str) -> Manifest:
    found = parse(text, FORM, Manifest)
    try:
        compact(found.base, found.end, found.range)
    except ValueError as error:
        raise NoteError(f"it is no {FORM}: {error}") from None
    if reason := _wrong(found):
        raise NoteError(f"it is no {FORM}: {reason}")
    return found


def _wrong(manifest: Manifest) -> str | None:
    """Why nobody can have sealed that, if so."""
    frames = manifest.frames
    if not 0 <= manifest.base < manifest.end <= MAX_SIZE:
        return "it has no records"
    if {len(manifest.before), len(manifest.after)} != {HASH_BYTES}:
        return f"a chain has not {HASH_BYTES} bytes"
    if len(manifest.sha256) != 2 * sha256().digest_size:
        return "sha256 is no SHA-256 in hexadecimal"
    if not frames or frames[0].offset != 0 or frames[0].first != manifest.base or manifest.left_out < 0:
        return "its frames do not begin where the segment does"
    if sum(frame.plain for frame in frames) != manifest.plain:
        return "its frames are not as long together as the segment"
    for number, frame in enumerate(frames):
        begin, end = manifest.bounds(number)
        following = frames[number + 1].first if number + 1 < len(frames) else manifest.end
        if not 0 < frame.plain <= BLOCK_BYTES + LINE_BYTES:
            return f"frame {number} cannot have {frame.plain} bytes"
        if not begin < end <= begin + most(frame.plain) or not frame.first < following:
            return f"frame {number} does not end before the next begins"
    return None
