"""A key, and journals whose finished segments are sealed with it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from guard.archive.lines import BLOCK_BYTES
from guard.archive.manifest import Manifest, manifest_of
from guard.archive.sealed import Sealed
from guard.archive.sealing import seal_next
from guard.archive.tombstone import Tombstone
from guard.journal.chain import BEGINNING, Position, split
from guard.journal.folder import CHECKPOINT, MANIFEST, PLAIN, SEALED, TOMBSTONE, Segment, segments
from guard.proof.checkpoint import Checkpoint
from guard.proof.files import replace
from guard.proof.note import Signer
from guard.proof.tree import Range, merge
from tests.support.journals import write_segment

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NODE = "node-3f2a"


def signer(log: str = "w1") -> Signer:
    """What signs for a log of these journals."""
    return Signer(f"{NODE}/{log}", KEY)


def marks(count: int, size: int = 10, start: int = 0) -> list[dict[str, Any]]:
    """Records of no meaning, each with a time, and with about `size` bytes of text."""
    return [{"kind": "mark", "at": 1_000.0 + number, "text": "x" * size} for number in range(start, start + count)]


def write_log(
    journal: Path, counts: Iterable[int], *, log: str = "w1", after: Position = BEGINNING, size: int = 10
) -> Position:
    """Write segments of so many records each, besides their first ones."""
    for count in counts:
        after = write_segment(journal, marks(count, size, after.seq), log=log, after=after, why="rotation")
    return after


def seal_all(journal: Path, log: str = "w1", frame_bytes: int = BLOCK_BYTES) -> list[Manifest]:
    """Seal all of a log's finished segments."""
    found = []
    while manifest := seal_next(journal, log, signer(log), frame_bytes=frame_bytes):
        found.append(manifest)
    return found


def sign_checkpoint(journal: Path, log: str = "w1", size: int | None = None) -> bytes:
    """Sign for a log's records before number `size` (None: all), as the checkpoint beside it."""
    leaves: list[bytes] = []
    tree = Range(0, 0)
    for segment in segments(journal, log):
        if segment.deleted:
            tree = merge(tree, manifest_of(segment).leaves)
            continue
        if segment.plain:
            lines = segment.path(PLAIN).read_bytes().split(b"\n")[:-1]
        else:
            with Sealed(segment) as sealed:
                lines = b"".join(sealed.frames()).split(b"\n")[:-1]
        entries = [entry for line in lines if (entry := split(line))]
        del leaves[segment.base - tree.end :]
        leaves += [entry.chain for entry in entries]
    part = leaves if size is None else leaves[: size - tree.end]
    tree = tree.extend(part)
    note = Checkpoint(f"{NODE}/{log}", tree.end, tree.root()).sign(signer(log))
    replace(journal / log / CHECKPOINT, note)
    return note


def delete(segment: Segment) -> None:
    """Delete a sealed segment's records, and leave the tombstone."""
    stone = Tombstone.over(segment.path(MANIFEST).read_bytes(), at=2_000.0, actor="ada", reason="90 days are over")
    replace(segment.path(TOMBSTONE), stone.sign(signer(segment.log)))
    segment.path(SEALED).unlink()
