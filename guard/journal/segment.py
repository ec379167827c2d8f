"""A segment's file while it is written."""

from __future__ import annotations

import os
from pathlib import Path

from guard.journal.folder import PLAIN, sync_folder
from guard.journal.folder import Segment as Place

DRAFT = "next"


class UnsyncedNameError(OSError):
    """A segment has its name, and its first line on disk, but whether the name is there too cannot be told."""


class Segment:
    """An open file that records are appended to. It has its first line on disk before it has its name."""

    def __init__(self, folder: Path, base: int, head: bytes) -> None:
        """Make the file; `head` is its first line.

        Raises:
            UnsyncedNameError: it was made, and counts; but nothing more may be written to it.
            OSError: it cannot be made, or there is one of that name.
        """
        self.path = Place(folder.name, base, folder).path(PLAIN)
        draft = folder / DRAFT
        # One that a crash left may be another name of the segment that it became: it is never opened again.
        draft.unlink(missing_ok=True)
        self.fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            write_all(self.fd, head)
            os.fdatasync(self.fd)
            os.link(draft, self.path)  # which, unlike a rename, never takes the place of a file that is there
        except OSError:
            os.close(self.fd)
            raise
        try:
            draft.unlink()
            sync_folder(folder)
        except OSError as error:
            os.close(self.fd)
            raise UnsyncedNameError(error.errno, error.strerror, str(self.path)) from error

    def write(self, data: bytes) -> None:
        """Append lines.

        Raises:
            OSError: not all of them could be written.
        """
        write_all(self.fd, data)

    def sync(self) -> None:
        """Return when all that was written is on disk.

        Raises:
            OSError: it may not be, and a further try would not tell (Rebello et al., "Can Applications Recover from
                fsync Failures?", USENIX ATC 2020): the file must not be used any more.
        """
        os.fdatasync(self.fd)

    def deleted(self) -> bool:
        """Whether the file has no name any more: what is written to it then is nowhere."""
        return os.fstat(self.fd).st_nlink == 0

    def close(self) -> None:
        """Close the file as it is."""
        os.close(self.fd)


def write_all(fd: int, data: bytes) -> None:
    """Write all of it, in as many calls as the system wants.

    Raises:
        OSError: not all of it could be written.
    """
    written = os.write(fd, data)
    while written < len(data):
        written += os.write(fd, data[written:])
