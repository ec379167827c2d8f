"""How far a log was followed, over restarts: believed only where the log's signed checkpoint says the same."""

from __future__ import annotations

from pathlib import Path

import msgspec

from guard.journal.folder import PLAIN, open_file
from guard.keeper.follow import Follower, Place
from guard.proof.checkpoint import Checkpoint
from guard.proof.files import replace
from guard.proof.tree import compact


class Progress(msgspec.Struct, frozen=True):
    """The state of a `Follower` whose `durable` a checkpoint was signed for."""

    size: int
    hashes: tuple[bytes, ...]
    base: int
    offset: int
    seq: int


def save(path: Path, follower: Follower) -> None:
    """Write it down.

    Raises:
        OSError: it cannot be written.
    """
    durable, place = follower.durable, follower.place
    path.parent.mkdir(mode=0o700, exist_ok=True)
    replace(path, msgspec.json.encode(Progress(durable.end, durable.hashes, *place)))


def restore(path: Path, follower: Follower, folder: Path, signed: Checkpoint) -> bool:
    """Have a follower of the log in `folder` go on from there; False: it is not to be believed, nothing has changed."""
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=Progress)
        durable = compact(0, kept.size, kept.hashes)
    except (OSError, ValueError):
        return False
    place = Place(kept.base, kept.offset, kept.seq)
    if durable.end != signed.size or durable.root() != signed.root or kept.seq > kept.size:
        return False
    if not _is_there(folder, place):
        return False
    follower.resume(durable, place)
    return True


def _is_there(folder: Path, place: Place) -> bool:
    """Whether that record begins there, or will, in a file that is still there as it was written."""
    head = b'{"seq":%d,' % place.seq
    if place.base < 0 or place.offset < 0:
        return False
    try:
        with open_file(folder / f"{place.base:016d}{PLAIN}") as file:
            file.seek(max(place.offset - 1, 0))
            return (place.offset == 0 or file.read(1) == b"\n") and head.startswith(file.read(len(head)))
    except OSError:
        return False
