"""Where the control process of this machine listens, and a token for who may read its state folder."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import msgspec

FILE = "admin.json"


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


def published(state: Path) -> Local | None:
    """What was said last; None: nothing, or nothing that one may read."""
    try:
        return msgspec.json.decode((state / FILE).read_bytes(), type=Local)
    except (OSError, msgspec.MsgspecError):
        return None
