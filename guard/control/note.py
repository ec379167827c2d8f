"""How far a machine's control log was compared with the store, so that a start need not compare all of it.

It is a short cut: without it, or with one that does not fit, everything is compared.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec

from guard.proof.files import replace

FILE = "shared.json"


class Note(msgspec.Struct, frozen=True):
    """The log's records before `seq`, the last of which has that chain, agree with the changes up to `version`.

    `epoch` is the store's history, and `before` the link of its change with that version.
    """

    epoch: str
    version: int
    before: str
    seq: int
    chain: bytes


def read(state: Path) -> Note | None:
    """The note of a machine, if there is one."""
    try:
        return msgspec.json.decode((state / FILE).read_bytes(), type=Note)
    except (OSError, msgspec.MsgspecError):
        return None


def write(state: Path, note: Note) -> None:
    """Take that down.

    Raises:
        OSError: it cannot be written.
    """
    replace(state / FILE, msgspec.json.encode(note))


def forget(state: Path) -> None:
    """What was compared is no longer so.

    Raises:
        OSError: the note cannot be removed.
    """
    with suppress(FileNotFoundError):
        (state / FILE).unlink()
