"""The control log: what people, and the guard itself, did with the journal. Appended by one process at a time.

A change is on disk before `append` returns. The log goes on where it ended; only where its last file ends in bytes
that are no record (whoever wrote it was killed, or the disk was full) a new segment begins, whose first record says how
many bytes were left behind. A new segment gets its name when its first records are on disk, so that there is none
without a first record.
"""

from __future__ import annotations

import logging
import os
import pwd
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from time import monotonic, sleep, time
from typing import Any, NamedTuple

import orjson

import guard
from guard.archive.damage import Damage
from guard.archive.opening import segment_lines
from guard.changes import VersionError
from guard.journal.chain import BEGINNING, TAIL_BYTES, Position, bind, leaf, tail
from guard.journal.folder import CONTROL, PLAIN, segments
from guard.journal.folder import Segment as Place
from guard.journal.recovery import UnfitError, recover
from guard.journal.segment import Segment, write_all
from guard.proof.files import try_lock
from guard.proof.note import NoteError

SEGMENT_BYTES = 1_048_576
LOCK_SECONDS = 10.0
STEP_SECONDS = 0.002

logger = logging.getLogger("guard.journal")


class ControlError(Exception):
    """The control log cannot be appended to, or what it says cannot be relied on; the message says where and why."""


class _End(NamedTuple):
    """Where the log ends: what comes next, the file it ends in (None: none yet), its size, bytes behind the records."""

    position: Position
    path: Path | None
    size: int
    torn: int


class Written(NamedTuple):
    """What was written last: from where to where in the log, in which file it ends (by its first record), and how long
    (bytes) that is.
    """

    begun: Position
    ended: Position
    base: int
    size: int


class _Look(NamedTuple):
    """A file as it was left; once anybody else has written to it, it looks otherwise."""

    path: Path
    inode: int
    size: int
    written_ns: int


def append(
    journal: Path,
    change: Mapping[str, Any],
    *,
    reason: str,
    actor: str | None = None,
    incident: str | None = None,
    expires: float | None = None,
    node: str = "",
    if_version: int | None = None,
    segment_bytes: int = SEGMENT_BYTES,
) -> dict[str, Any]:
    """Write a change down: `change` with its ``type``, by whom (None: whoever runs this), and why.

    `expires` is when it is over by itself, in seconds since the epoch. See `append_all` for the rest.

    Returns the record, on disk then, with its `seq`.
    """
    record = change_record(change, reason=reason, actor=actor, incident=incident, expires=expires)
    return append_all(journal, [record], node=node, if_version=if_version, segment_bytes=segment_bytes)[0]


def change_record(
    change: Mapping[str, Any],
    *,
    reason: str,
    actor: str | None = None,
    incident: str | None = None,
    expires: float | None = None,
    id_: str = "",
) -> dict[str, Any]:
    """A change as the log has it, but for its number; its id is its own wherever it is written down."""
    record = {"kind": "change", "id": id_ or token_hex(8), "at": time(), "actor": told(actor or whoever())}
    record["reason"] = told(reason)
    if incident is not None:
        record["incident"] = told(incident)
    if expires is not None:
        record["expires"] = expires
    return {**record, "change": dict(change)}


def append_all(
    journal: Path,
    records: Sequence[Mapping[str, Any]],
    *,
    node: str = "",
    if_version: int | None = None,
    segment_bytes: int = SEGMENT_BYTES,
    log: str = CONTROL,
) -> list[dict[str, Any]]:
    """Write some records down at once, all of them or none, in the control log or another one of its kind.

    With `if_version` only where the log has just so many records.

    Returns them, on disk then, each with its `seq`.

    Raises:
        VersionError: the log has more records than `if_version`, or fewer.
        ControlError: somebody else holds the log for too long, or it is damaged.
        OSError: it cannot be written.
    """
    return Pen(journal, node, log, segment_bytes).write(records, if_version)


class Pen:
    """Writes to one log again and again: where nobody has been since it wrote last, it goes on without reading.

    Safe to be used from several threads.

    Attributes:
        written: what it has written last; None: nothing, or there is no telling.
    """

    def __init__(self, journal: Path, node: str = "", log: str = CONTROL, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._journal = journal
        self._node = node
        self._log = log
        self._segment_bytes = segment_bytes
        self.written: Written | None = None
        self._left: tuple[_End, _Look] | None = None

    def write(self, records: Sequence[Mapping[str, Any]], if_version: int | None = None) -> list[dict[str, Any]]:
        """Write some records down; see `append_all`."""
        folder = self._journal / self._log
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locked(self._journal, log=self._log):
            end, self._left, self.written = self._end(), None, None
            if if_version is not None and if_version != end.position.seq:
                raise VersionError(end.position.seq, if_version)
            if end.path is None or end.torn or end.size >= self._segment_bytes:
                after = "crash" if end.torn else "rotation" if end.path else "start"
                position = _begin(folder, records, end, self._node, after)
            else:
                position = _add(folder, records, end, self._node)
            self._leave(end.position, position)
        return [{"seq": seq, **record} for seq, record in enumerate(records, position.seq - len(records))]

    def _end(self) -> _End:
        if self._left is not None and self._look() == self._left[1]:
            return self._left[0]
        return _end(self._journal, self._log)

    def _leave(self, begun: Position, ended: Position) -> None:
        with suppress(OSError):  # what was written stands
            look = self._look()
            if look is not None:
                self._left = _End(ended, look.path, look.size, 0), look
                self.written = Written(begun, ended, int(look.path.name.removesuffix(PLAIN)), look.size)

    def _look(self) -> _Look | None:
        """How the file looks that the log ends in; None: there is none."""
        found = segments(self._journal, self._log)
        if not found or not found[-1].plain:
            return None
        path = found[-1].path(PLAIN)
        status = path.stat()
        return _Look(path, status.st_ino, status.st_size, status.st_mtime_ns)


def told(text: str) -> str:
    """What somebody said, with what is no UTF-8 (on a command line there may be any bytes) as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def whoever() -> str:
    """The name of the user who runs this process, and of the one who became that user with sudo."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = f"uid {os.getuid()}"
    before = os.environ.get("SUDO_USER")
    return f"{before} (as {name})" if before and before != name else name


def changes(journal: Path) -> Iterator[dict[str, Any]]:
    """Every change, in order. Each record is held against its chain: what this gives out, nobody has altered.

    Raises:
        ControlError: a record is damaged, or one is missing; what comes behind it cannot be relied on.
    """
    position = BEGINNING
    found = segments(journal, CONTROL)
    for number, segment in enumerate(found):
        end = found[number + 1].base if number + 1 < len(found) else None
        if segment.base != position.seq:
            raise ControlError(f"{segment.name}: records {position.seq} to {segment.base - 1} are missing before it")
        for line in lines_of(segment):
            if position.seq == end:
                break
            entry = follows(line, position)
            if entry is None and end is None and not line.endswith(b"\n"):
                break  # torn, or just being written
            if entry is None:
                raise ControlError(f"{segment.name}: record {position.seq} is damaged, or is not there")
            position = Position(position.seq + 1, entry)
            record = parsed(line)
            if record.get("kind") == "change":
                yield record


def lock_of(journal: Path, log: str = CONTROL) -> Path:
    """The file that who writes to a log holds."""
    return journal / f"{log}.lock"


@contextmanager
def locked(journal: Path, patience: float | None = None, log: str = CONTROL) -> Iterator[None]:
    """Be the only one that writes to the control log, or another one of its kind.

    Raises:
        ControlError: somebody else is, for so many seconds (`LOCK_SECONDS`).
        OSError: the lock file cannot be opened.
    """
    path = lock_of(journal, log)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        patience = LOCK_SECONDS if patience is None else patience
        until = monotonic() + patience
        while not try_lock(descriptor):
            if monotonic() > until:
                raise ControlError(f"{path}: another process holds it for more than {patience:g} seconds")
            sleep(STEP_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _add(folder: Path, records: Sequence[Mapping[str, Any]], end: _End, node: str) -> Position:
    """Append to the file that there is; if that fails the file is given up, and the records begin the next one."""
    assert end.path is not None
    lines, position = bind(map(orjson.dumps, records), end.position)
    descriptor = os.open(end.path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    try:
        write_all(descriptor, lines)
        os.fdatasync(descriptor)
    except OSError as error:
        logger.error("%s cannot be written and is given up: %s", end.path, error)
        return _begin(folder, records, end, node, "failure")
    finally:
        os.close(descriptor)
    return position


def _begin(folder: Path, records: Sequence[Mapping[str, Any]], end: _End, node: str, after: str) -> Position:
    """Begin a segment with its first record and these."""
    head: dict[str, Any] = {
        "kind": "segment", "at": time(), "log": folder.name, "node": node, "pid": os.getpid(),
        "software": guard.__version__, "after": after,
    }  # fmt: skip
    if end.torn:
        head["torn"] = end.torn
    lines, position = bind(map(orjson.dumps, (head, *records)), end.position)
    Segment(folder, end.position.seq, lines).close()
    return position


def _end(journal: Path, log: str) -> _End:
    """Find where the log goes on. Each of its records is on disk before the next is written.

    Raises:
        ControlError: there is no telling.
    """
    try:
        position, torn = recover(journal, log, synced=True)
    except UnfitError as error:
        raise ControlError(f"{error}; move it away, and keep it") from error
    found = segments(journal, log)
    path = found[-1].path(PLAIN) if found else None
    return _End(position, path, path.stat().st_size if path else 0, torn)


def lines_of(segment: Place, seq: int = 0) -> Iterator[bytes]:
    """Every line of a segment, plain or sealed; of a sealed one those from the frame on that holds record `seq`.

    Raises:
        ControlError: it cannot be read.
    """
    try:
        yield from segment_lines(segment, seq)
    except FileNotFoundError:
        raise ControlError(f"{segment.name}: its records are gone") from None
    except (Damage, NoteError) as error:
        raise ControlError(f"{segment.name}: {error}") from error


def follows(line: bytes, position: Position) -> bytes | None:
    """The chain of a line that is the record to come there, else None."""
    data = line[: -TAIL_BYTES - 1]
    chain = leaf(position.chain, data)
    # As `bind` would write it, which is sooner told than what is written there.
    is_next = data.startswith(b'{"seq":%d,' % position.seq) and line[len(data) :] == tail(chain) + b"\n"
    return chain if is_next else None


def parsed(line: bytes) -> dict[str, Any]:
    """The members of a record; one that somebody signed for may still be no JSON.

    Raises:
        ControlError: it is none.
    """
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ControlError(f"control: a record is no JSON ({error})") from error
    assert isinstance(record, dict)
    return record
