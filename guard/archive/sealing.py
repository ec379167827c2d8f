"""Sealing: a finished segment is verified, compressed, described in a signed manifest, and its plain file removed.

The sealed file is on disk before the manifest is there, and both are before the plain file goes. Whatever step a crash
comes at, the records are there whole, plain or sealed or both, and the next run does it again to its end. A segment
that is damaged stays as it is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from guard.archive.compression import SKIPPABLE_BYTES, compress, skippable_header
from guard.archive.damage import Damage, Problem
from guard.archive.head import head_of, stray
from guard.archive.lines import BLOCK_BYTES, blocks, line_ends
from guard.archive.manifest import Frame, Manifest, check_place, opened
from guard.archive.statement import read
from guard.archive.walk import Walk
from guard.journal.chain import BEGINNING
from guard.journal.folder import MANIFEST, PLAIN, SEALED, Segment, open_file, segments, sync_folder
from guard.proof.files import replace
from guard.proof.note import NoteError, Signer, Verifier

DRAFT = "sealing"
SYNC_BYTES = 8_388_608
# What the guard itself says comes first in a record, before any text of others.
TIME = re.compile(rb'\{"seq":[0-9]+,"kind":"[a-z_]+",(?:"id":"[^"]*",)?"at":(-?[0-9]{1,15}(?:\.[0-9]{1,15})?),')


def seal_next(
    journal: Path,
    log: str,
    signer: Signer,
    keys: Iterable[Verifier] = (),
    frame_bytes: int = BLOCK_BYTES,
    wait: Callable[[], None] = lambda: None,
) -> Manifest | None:
    """Seal the first segment of a log that is finished and not sealed; None: there is none.

    `keys` are those that earlier manifests may be signed by, besides the signer's own; a frame holds about
    `frame_bytes`, and always whole lines; `wait` is called before each, for as long as others go first.

    Raises:
        Damage: the segment, or the manifest of the one before it, is not whole; nothing was changed.
        OSError: a file cannot be read or written.
    """
    trusted = [signer.verifier, *keys]
    earlier = None
    for segment, following in pairwise(segments(journal, log)):
        if segment.plain:
            sealing = _Sealing(segment, following, _before(segment, earlier, trusted), frame_bytes, wait)
            return _seal(segment, sealing, signer, trusted)
        earlier = segment
    return None


def _before(segment: Segment, earlier: Segment | None, keys: list[Verifier]) -> bytes:
    """The chain before a segment."""
    if segment.base == BEGINNING.seq:
        return BEGINNING.chain
    if earlier is None:
        raise Damage(Problem(segment.log, "the segments before this one are missing", segment.base))
    manifest = _manifest(earlier, keys)
    if manifest.end != segment.base:
        raise Damage(Problem(segment.log, f"records {manifest.end} to {segment.base - 1} are missing", manifest.end))
    return manifest.after


def _manifest(segment: Segment, keys: list[Verifier]) -> Manifest:
    path = segment.path(MANIFEST)
    try:
        found = opened(read(path), keys)
        check_place(found, segment)
    except (NoteError, FileNotFoundError) as error:
        reason = str(error) if isinstance(error, NoteError) else "there is no manifest"
        raise Damage(Problem(segment.log, reason, segment.base, f"{segment.log}/{path.name}")) from None
    return found


def _seal(segment: Segment, sealing: _Sealing, signer: Signer, trusted: list[Verifier]) -> Manifest:
    draft = segment.folder / DRAFT
    with open_file(segment.path(PLAIN)) as plain, draft.open("wb") as file:
        os.fchmod(file.fileno(), 0o600)
        manifest = sealing.run(plain, file)
        file.flush()
        os.fsync(file.fileno())
    if segment.manifest:
        _same(segment, manifest, _manifest(segment, trusted))
    draft.replace(segment.path(SEALED))
    sync_folder(segment.folder)
    replace(segment.path(MANIFEST), manifest.sign(signer))
    segment.path(PLAIN).unlink()
    sync_folder(segment.folder)
    return manifest


def _same(segment: Segment, manifest: Manifest, earlier: Manifest) -> None:
    """What was sealed before is not sealed again as something else."""
    if (manifest.end, manifest.after) != (earlier.end, earlier.after):
        reason = "these are not the records that were sealed, as the manifest beside them shows"
        raise Damage(Problem(segment.log, reason, segment.base, f"{segment.log}/{segment.path(PLAIN).name}"))


class _Sealing:
    """One segment on its way through."""

    def __init__(
        self, segment: Segment, following: Segment, before: bytes, frame_bytes: int, wait: Callable[[], None]
    ) -> None:
        self.segment = segment
        self.following = following
        self.before = before
        self.frame_bytes = frame_bytes
        self.wait = wait
        self.name = f"{segment.log}/{segment.path(PLAIN).name}"
        self.walk = Walk(segment, self.name, before, following.base)
        self.frames: list[Frame] = []
        self.times: list[float] = []
        self.sealed = 0
        self.unsynced = 0
        self.digest = sha256()

    def run(self, plain: BinaryIO, file: BinaryIO) -> Manifest:
        """Write the sealed file, and tell what is in it."""
        for block in blocks(plain, self.frame_bytes):
            self.wait()
            if not self._frame(block, file):
                break
        if problem := self.walk.missing():
            raise Damage(problem)
        left_out = self._leave_out(plain, file)
        since, to = self.times or (None, None)
        return Manifest(
            log=self.segment.log, base=self.segment.base, count=self.walk.position.seq - self.segment.base,
            before=self.before, after=self.walk.position.chain, range=self.walk.leaves.hashes, since=since, to=to,
            plain=self.walk.size, sealed=self.sealed, left_out=left_out, frames=tuple(self.frames),
            sha256=self.digest.hexdigest(),
        )  # fmt: skip

    def _frame(self, block: bytes, file: BinaryIO) -> bool:
        first, start = self.walk.position.seq, self.walk.size
        more = self.walk.take(block)
        if data := block[: self.walk.size - start]:
            self.frames.append(Frame(self.sealed, len(data), first))
            self._write(compress(data), file)
            self._see(data)
        return more

    def _see(self, data: bytes) -> None:
        """Keep the first and the last time in mind that records have."""
        heads = (TIME.match(data, begin) for begin in (0, *line_ends(data)))
        found = [*self.times, *(float(head[1]) for head in heads if head)]
        self.times = [min(found), max(found)] if found else []

    def _leave_out(self, plain: BinaryIO, file: BinaryIO) -> int:
        """Keep what does not count as it is, in a frame that decompressing leaves out."""
        size = os.fstat(plain.fileno()).st_size - self.walk.size
        if size == 0:
            return 0
        reason = stray(size, head_of(self.following))
        if size > SKIPPABLE_BYTES:
            reason = f"{size} bytes stand behind the last record, more than can be kept"
        if reason:
            raise Damage(Problem(self.segment.log, reason, self.walk.position.seq, self.name, self.walk.size))
        plain.seek(self.walk.size)
        self._write(skippable_header(size), file)
        left = size
        while left and (piece := plain.read(min(BLOCK_BYTES, left))):
            self._write(piece, file)
            left -= len(piece)
        return size

    def _write(self, data: bytes, file: BinaryIO) -> None:
        file.write(data)
        self.digest.update(data)
        self.sealed += len(data)
        self.unsynced += len(data)
        if self.unsynced >= SYNC_BYTES:
            # Much at once keeps those waiting who sync their records meanwhile, and whom requests wait for: 128 MiB
            # that do not compress up to 50 ms, in pieces up to 25 ms.
            file.flush()
            os.fdatasync(file.fileno())
            self.unsynced = 0
