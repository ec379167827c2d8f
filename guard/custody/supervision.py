"""What the process that watches over the workers says of itself: a small file in the state folder."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

FILE = "supervisor.json"


class Supervision(msgspec.Struct):
    """The supervisor's process, and what it ever saw: workers that died by themselves, others that it killed because
    they hung, and configurations that were not fit to be read again.
    """

    pid: int
    deaths: int = 0
    hangs: int = 0
    reloads_failed: int = 0

    @property
    def alive(self) -> bool:
        """Whether there is such a process."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


def read(state: Path) -> Supervision | None:
    """What the last supervisor there said; None: there was none, or it cannot be read."""
    try:
        return msgspec.json.decode((state / FILE).read_bytes(), type=Supervision)
    except (OSError, msgspec.DecodeError):
        return None


def write(state: Path, told: Supervision) -> None:
    """Say it.

    Raises:
        OSError: it cannot be written.
    """
    draft = state / f"{FILE}.draft"
    draft.write_bytes(msgspec.json.encode(told))
    draft.replace(state / FILE)
