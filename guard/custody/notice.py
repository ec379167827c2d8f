"""Word from the system that the control log was written to, so that nobody need wait for the next look at it.

Who appends to a log holds its lock file open meanwhile, and closes it when all is on disk. Linux tells of that
(inotify(7)); where nothing does, one has to look.
"""

from __future__ import annotations

import ctypes
import errno
import os
from contextlib import suppress
from pathlib import Path

_CLOSE_WRITE = 0x8
_EVENTS_BYTES = 4_096


class Notice:
    """A descriptor that can be read when who has opened a file to write has closed it.

    Attributes:
        fd: the descriptor.
    """

    def __init__(self, path: Path) -> None:
        """The file is made if it is not there.

        Raises:
            OSError: it cannot be, or the system has no such descriptor, or no more of them.
        """
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        library = ctypes.CDLL(None, use_errno=True)
        if not hasattr(library, "inotify_init1"):
            raise OSError(errno.ENOSYS, "this system does not tell what is written")
        self.fd = _done(library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        try:
            _done(library.inotify_add_watch(self.fd, os.fsencode(path), _CLOSE_WRITE))
        except OSError:
            self.close()
            raise

    def take(self) -> None:
        """Take what was told; the descriptor can be read again when there is something else."""
        with suppress(BlockingIOError):
            os.read(self.fd, _EVENTS_BYTES)

    def close(self) -> None:
        """Be told no more."""
        os.close(self.fd)


def _done(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
