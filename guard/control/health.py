"""How the journal is doing, as far as its files tell: what is signed for, what is sealed, how much room there is."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from time import time

from msgspec import Struct, field

from guard.archive.statement import read
from guard.journal.disk import free_bytes
from guard.journal.folder import CHECKPOINT, PLAIN, Segment, logs, segments
from guard.proof.checkpoint import parse
from guard.proof.note import NoteError
from guard.proof.note import parse as parse_note


class LogHealth(Struct, frozen=True):
    """One log: how many of its records are signed for, and since when (seconds since the epoch); 0: none is yet."""

    signed: int
    signed_at: float


class Health(Struct, frozen=True):
    """The journal.

    Attributes:
        free: bytes that are left on its disk; None: it does not tell.
        logs: by name, the control log too.
        segments: how many are ``open`` (a log's last), ``finished`` (they can be sealed), ``sealed`` and ``deleted``.
        bytes: of all segments' records that are there, sealed or not.
        unsealed_since: when (seconds since the epoch) the oldest finished one that is not sealed got its last record;
            None: there is none.
    """

    free: int | None
    logs: dict[str, LogHealth]
    segments: dict[str, int]
    bytes: int
    unsealed_since: float | None = None

    @property
    def checkpoint_age(self) -> float | None:
        """Seconds since something was last signed for; None: nothing ever was."""
        newest = max((log.signed_at for log in self.logs.values()), default=0.0)
        return max(time() - newest, 0.0) if newest else None


class _Sums(Struct):
    states: Counter[str] = field(default_factory=Counter)
    bytes: int = 0
    unsealed: list[float] = field(default_factory=list)


def health_of(journal: Path) -> Health:
    """Look at a journal's files; what cannot be read is left out."""
    sums = _Sums()
    names = logs(journal)
    for name in names:
        found = segments(journal, name)
        for segment in found:
            _add(sums, segment, last=segment is found[-1])
    return Health(
        _free(journal),
        {name: _log(journal / name / CHECKPOINT) for name in names},
        {state: sums.states[state] for state in ("open", "finished", "sealed", "deleted")},
        sums.bytes,
        min(sums.unsealed, default=None),
    )


def _free(journal: Path) -> int | None:
    try:
        return free_bytes(journal)
    except OSError:
        return None


def _log(path: Path) -> LogHealth:
    try:
        return LogHealth(parse(parse_note(read(path)).text).size, path.stat().st_mtime)
    except (OSError, NoteError):
        return LogHealth(0, 0.0)


def _add(sums: _Sums, segment: Segment, *, last: bool) -> None:
    state = _state(segment, last=last)
    sums.states[state] += 1
    for suffix in segment.suffixes:
        try:
            found = segment.path(suffix).stat()
        except FileNotFoundError:  # sealed or deleted meanwhile
            continue
        sums.bytes += found.st_size
        if state == "finished" and suffix == PLAIN:
            sums.unsealed.append(found.st_mtime)


def _state(segment: Segment, *, last: bool) -> str:
    if segment.deleted:
        return "deleted"
    if segment.plain:
        return "open" if last else "finished"
    return "sealed"
