"""Which workers run, and which measures each has in force: a small file for each, in the state folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path

import msgspec

from guard.custody.rulings import KINDS
from guard.journal.folder import logs

FOLDER = "workers"
ADDED = "added"
"""In `waits`, and before a hash there: what was added to the rules, or taken out."""


class Running(msgspec.Struct, frozen=True):
    """A worker that runs: the log that it writes, its process, and the versions of its measures and its policy.

    Attributes:
        fault: what of the measures it could not put in force; empty: nothing.
        rules: the hash of the pushed rules that are in force; empty: the configured ones are.
        waits: which it is making ready, `ADDED` and a hash, or one of them, while all else of its measures is in
            force; empty: none.
    """

    log: str
    pid: int
    measures: int
    policy: int
    fault: str = ""
    rules: str = ""
    waits: str = ""


def late(workers: Iterable[Running], version: int, kinds: AbstractSet[str] = frozenset()) -> list[Running]:
    """Those that do not have that version of the measures in force; nor the rules, if these kinds of changes are so."""
    return [one for one in workers if one.measures < version or makes_ready(one.waits, kinds)]


def makes_ready(waits: str, kinds: AbstractSet[str]) -> bool:
    """Whether what a worker makes ready is what changes of these kinds are about: what was pushed, or only added."""
    return bool(waits) and ("push-rules" in kinds or (waits.startswith(ADDED) and bool(kinds & KINDS)))


def acknowledge(state: Path, worker: Running) -> None:
    """Say what a worker has in force.

    Raises:
        OSError: it cannot be written.
    """
    folder = state / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    draft = folder / f"{worker.log}.draft"
    draft.write_bytes(msgspec.json.encode(worker))
    draft.replace(folder / f"{worker.log}.json")


def leave(state: Path, log: str) -> None:
    """The worker of that log ends."""
    with suppress(OSError):
        (state / FOLDER / f"{log}.json").unlink()


def running(state: Path, journal: Path) -> list[Running]:
    """The workers that run now: those whose log is locked by them."""
    found = []
    for log in logs(journal):
        worker = _read(state / FOLDER / f"{log}.json")
        if worker is not None and worker.log == log and is_locked(journal / f"{log}.lock"):
            found.append(worker)
    return found


def _read(path: Path) -> Running | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Running)
    except (OSError, msgspec.DecodeError):
        return None


def is_locked(path: Path) -> bool:
    """Whether some process holds a file's lock."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
