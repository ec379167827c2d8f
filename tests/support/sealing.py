"""A key, and journals whose finished segments are sealed with it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from guard.journal.chain import BEGINNING, Position
from guard.journal.manifest import Manifest
from guard.journal.sealing import seal_next
from guard.proof.note import Signer
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


def seal_all(journal: Path, log: str = "w1") -> list[Manifest]:
    """Seal all of a log's finished segments."""
    found = []
    while manifest := seal_next(journal, log, signer(log)):
        found.append(manifest)
    return found
