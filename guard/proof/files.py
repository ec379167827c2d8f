"""Files that are there whole or not at all, also after a crash, and those that only one process has."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp

TRY_BYTES = 4_096


def make_once(path: Path, content: bytes, mode: int = 0o600) -> bytes:
    """What the file holds; if there is none, it is made with this content. Of several that try, the first one's stays.

    Raises:
        OSError: it cannot be read or made.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, draft = mkstemp(dir=path.parent, prefix=f"{path.name}.")
        try:
            _write(descriptor, content, mode)
            with suppress(FileExistsError):
                os.link(draft, path)
        finally:
            os.unlink(draft)  # noqa: PTH108 -- as it was made
        sync_folder(path.parent)
    return path.read_bytes()


def replace(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file in the place of the one that may be there; both are durable, and at any moment one is there whole.

    One process at a time may do so. What a crash leaves behind is one draft, which the next call overwrites.

    Raises:
        OSError: it cannot be written.
    """
    draft = path.with_name(f"{path.name}.draft")
    _write(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode), content, mode)
    draft.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable.

    Raises:
        OSError: the folder cannot be synced.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def try_lock(descriptor: int) -> bool:
    """Be the only one that has a file locked, until it is closed; False: somebody else has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(descriptor: int, content: bytes, mode: int) -> None:
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(content)
        file.flush()
        os.fsync(descriptor)
