"""Reading the journal: whole, one exchange, the newest, or as it grows.

A journal is a folder of JSON-lines files, each written by one worker from one of its starts on; in the order of their
names they are in the order of their starts. Reading never changes anything, and goes on past what it cannot read: a
line torn by a crash is told to `note` and left out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator
from heapq import nlargest
from os import SEEK_END
from pathlib import Path
from threading import Event
from typing import Any, BinaryIO

import orjson

from guard.journal.joining import Line, join, starts

BLOCK_BYTES = 65_536
POLL_SECONDS = 0.1
FEW = 8
KINDS = ("prompt", "part", "frame", "outcome")
UNFINISHED = "its last line is unfinished and left out"

Note = Callable[[str], None]
"""Takes one sentence on something that could not be read."""

log: Note = logging.getLogger("guard.journal").warning


def exchanges(folder: Path, note: Note = log) -> Iterator[dict[str, Any]]:
    """All exchanges, file by file, each as soon as its outcome is read: no more than the open ones are in memory.

    Those without an outcome come at the end, in the order they started.
    """
    waiting: dict[str, list[Line]] = {}
    for path in files(folder):
        for line in _forward(path, note):
            waiting.setdefault(line["id"], []).append(line)
            if line["kind"] == "outcome":
                yield from _joined(waiting.pop(line["id"]), note)
    for lines in waiting.values():
        yield from _joined(lines, note)


def find(folder: Path, id: str, note: Note = log) -> dict[str, Any] | None:
    """The exchange with this id, or None."""
    return next((exchange for lines in _gather(folder, {id}).values() for exchange in _joined(lines, note)), None)


def tail(folder: Path, n: int, note: Note = log) -> list[dict[str, Any]]:
    """The `n` exchanges that started last, in the order of their starts; reads from the files' ends, and no further."""
    newest: list[tuple[float, str]] = []
    for path, changed in _by_change(folder):
        if n <= 0 or (len(newest) == n and changed < newest[-1][0]):
            break
        newest = nlargest(n, newest + _last_starts(path, n, note))
    gathered = _gather(folder, {id_ for _, id_ in newest})
    return [exchange for _, id_ in reversed(newest) for exchange in _joined(gathered[id_], note)]


def follow(folder: Path, stop: Event, *, last: int = 0, note: Note = log) -> Iterator[dict[str, Any]]:
    """The `last` exchanges, then each one as it ends, until `stop` is set; new files are read as they appear."""
    positions = {path: size for path in files(folder) if (size := _size(path)) is not None}
    told = set()
    for exchange in tail(folder, last, note):
        if exchange["end"] is not None:
            told.add(exchange["id"])
        yield exchange
    waiting: dict[str, list[Line]] = {}
    while not stop.is_set():
        for line in (line for path in files(folder) for line in _grown(path, positions, note)):
            id_ = line["id"]
            waiting.setdefault(id_, []).append(line)
            if line["kind"] != "outcome":
                continue
            lines = waiting.pop(id_)
            if not starts(lines[0]):  # it began before this look at it did
                lines = _gather(folder, {id_})[id_]
            if id_ not in told:
                yield from _joined(lines, note)
        stop.wait(POLL_SECONDS)


def files(folder: Path) -> list[Path]:
    """The journal's files, the oldest first."""
    return sorted(folder.glob("*/*.jsonl"))


def _joined(lines: list[Line], note: Note) -> Iterator[dict[str, Any]]:
    """The exchange, unless its lines are damaged."""
    if lines:
        try:
            yield join(lines)
        except (AttributeError, KeyError, TypeError, ValueError):
            note(f"the exchange {lines[0]['id']} is left out: its lines are not what the guard writes")


def _gather(folder: Path, ids: set[str]) -> dict[str, list[Line]]:
    """The lines of some exchanges, looked for from the journal's end until each one's start is found."""
    found: dict[str, list[Line]] = {id_: [] for id_ in ids}
    missing = {id_: orjson.dumps(id_) for id_ in ids}
    for path in reversed(files(folder)):
        for raw in _backward(path, _ignore) if missing else ():
            # Looking for a few names in the bytes is quicker than parsing them; looking for thousands is not.
            if len(missing) <= FEW and not any(name in raw for name in missing.values()):
                continue
            line = _parse(raw)
            if line is None or line["id"] not in missing:
                continue
            found[line["id"]].append(line)
            if starts(line):
                del missing[line["id"]]
            if not missing:
                break
    return {id_: lines[::-1] for id_, lines in found.items()}


def _last_starts(path: Path, n: int, note: Note) -> list[tuple[float, str]]:
    """When and as what the last `n` exchanges of a file started, the newest first."""
    last: list[tuple[float, str]] = []
    for raw in _backward(path, note):
        line = _parse(raw)
        if line is None:
            _unreadable(path, raw, note)
        elif starts(line) and isinstance(line.get("at"), int | float):
            last.append((line["at"], line["id"]))
            if len(last) == n:
                break
    return last


def _by_change(folder: Path) -> list[tuple[Path, float]]:
    """The files and when they were last written (seconds since the epoch), the latest first."""
    found = []
    for path in files(folder):
        try:
            found.append((path, path.stat().st_mtime))
        except FileNotFoundError:
            continue
    return sorted(found, key=lambda item: item[1], reverse=True)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _forward(path: Path, note: Note) -> Iterator[Line]:
    if (yield from _grown(path, {}, note)):
        note(f"{path.name}: {UNFINISHED}")


def _grown(path: Path, positions: dict[Path, int], note: Note) -> Generator[Line, None, bool]:
    """The whole lines of a file beyond the position that is kept for it; returns whether an unfinished one follows."""
    try:
        with path.open("rb") as file:
            file.seek(positions.setdefault(path, 0))
            for raw in file:
                if not raw.endswith(b"\n"):
                    return True
                positions[path] += len(raw)
                line = _parse(raw)
                if line is None:
                    _unreadable(path, raw, note)
                else:
                    yield line
    except FileNotFoundError:  # removed since the folder was listed
        return False
    return False


def _backward(path: Path, note: Note) -> Iterator[bytes]:
    """The whole lines of a file, the last one first, without their newlines."""
    try:
        with path.open("rb") as file:
            lines = split_backward(file)
            if next(lines):
                note(f"{path.name}: {UNFINISHED}")
            yield from lines
    except FileNotFoundError:
        return


def split_backward(file: BinaryIO) -> Iterator[bytes]:
    """Split a file at its newlines, from the end; the first piece is what stands behind the last newline."""
    end = file.seek(0, SEEK_END)
    pieces: list[bytes] = []
    while end:
        size = min(BLOCK_BYTES, end)
        end -= size
        file.seek(end)
        head, *rest = file.read(size).split(b"\n")
        if rest:
            pieces.append(rest.pop())
            yield b"".join(reversed(pieces))
            yield from reversed(rest)
            pieces = []
        pieces.append(head)
    yield b"".join(reversed(pieces))


def _parse(raw: bytes) -> Line | None:
    """A line of one of the kinds that make an exchange, or None."""
    try:
        line = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    if isinstance(line, dict) and line.get("kind") in KINDS and isinstance(line.get("id"), str):
        return line
    return None


def _unreadable(path: Path, raw: bytes, note: Note) -> None:
    """Tell of a line that is damaged; records of other kinds are not for this reader, and no damage."""
    try:
        kind = orjson.loads(raw).get("kind")
        other = isinstance(kind, str) and kind not in KINDS
    except (orjson.JSONDecodeError, AttributeError):
        other = False
    if not other:
        note(f"{path.name}: a line is not a record and left out")


def _ignore(sentence: str) -> None:  # noqa: ARG001  a note that was made already
    return
