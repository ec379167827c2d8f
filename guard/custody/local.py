"""Where the control process of this machine listens, and a token for who may read its state folder."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import msgspec

from guard.custody.workers import is_locked

FILE = "admin.json"
LOCK = "control.lock"
"""Held by the control process for as long as it lives."""


class Local(msgspec.Struct, frozen=True):
    """The control process's URL, its process, and a commander's token, which ends with it."""

    url: str
    pid: int
    token: str

    def __repr__(self) -> str:
        """Without the token."""
        return f"Local(url={self.url!r}, pid={self.pid})"


def publish(state: Path, local: Local) -> None:
    """Say it, to nobody but the owner of the state folder.

    Raises:
        OSError: it cannot be written.
    """
    draft = state / f"{FILE}.{local.pid}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)
        file.write(msgspec.json.encode(local))
    draft.replace(state / FILE)


def withdraw(state: Path, pid: int) -> None:
    """That process listens no more."""
    found = published(state)
    if found is not None and found.pid == pid:
        with suppress(OSError):
            (state / FILE).unlink()


def clear(state: Path) -> None:
    """Take back what a process said that has gone; for who holds the lock that it held."""
    with suppress(OSError):
        (state / FILE).unlink()


def published(state: Path) -> Local | None:
    """What was said last; None: nothing, or nothing that one may read."""
    try:
        return msgspec.json.decode((state / FILE).read_bytes(), type=Local)
    except (OSError, msgspec.MsgspecError):
        return None


def present(state: Path) -> Local | None:
    """The same, if a control process runs: at the address of one that has gone anybody else may listen by now."""
    return published(state) if is_locked(state / LOCK) else None
