"""Witnesses: who gets each new checkpoint, so that nobody can take back what the journal was.

Each has a thread and a place for the newest checkpoint of each log; one that could not be told goes on being tried,
until a newer one takes its place.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from guard import config
from guard.journal.segment import write_all
from guard.keeper.task import Task

PAUSE = 1.0
TIMEOUT = 10.0
TAIL_BYTES = 65_536

Send = Callable[[bytes], None]
"""Hands a checkpoint over; returns when it is there."""


class RefusedError(Exception):
    """A witness did not take a checkpoint; the message says what it answered."""


class Witness:
    """One witness, and what it has not been told yet."""

    def __init__(self, name: str, send: Send, faults: tuple[type[Exception], ...]) -> None:
        """`name`: what people call it in the log, without anything secret."""
        self._send = send
        self._lock = threading.Lock()
        self._untold: dict[str, bytes] = {}
        self.task = Task(name, self._step, PAUSE, faults)

    def take(self, log: str, note: bytes) -> None:
        """Tell it this checkpoint soon, and not the older one of that log any more."""
        with self._lock:
            self._untold[log] = note
        self.task.wake()

    def _step(self) -> None:
        with self._lock:
            untold = dict(self._untold)
        for log, note in untold.items():
            self._send(note)
            with self._lock:
                if self._untold.get(log) == note:
                    del self._untold[log]


def witnesses(configured: Sequence[config.Witness]) -> list[Witness]:
    """The witnesses that a configuration names."""
    return [_witness(number, one) for number, one in enumerate(configured)]


def _witness(number: int, one: config.Witness) -> Witness:
    if one.file is not None:
        path = Path(one.file)
        return Witness(f"witness {path}", lambda note: append(path, note), (OSError,))
    assert one.url is not None
    # Not the whole URL: whoever knows that of a webhook may use it.
    return Witness(f"witness {number} at {urlsplit(one.url).hostname}", *_posting(one.url, one.key))


def append(path: Path, note: bytes) -> None:
    """Put a checkpoint behind those that are in a file, with an empty line between; returns when it is on disk.

    The file's folder is not made: one that is missing may be a disk that is not mounted.

    Raises:
        OSError: it cannot be written.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        tail = os.pread(descriptor, TAIL_BYTES, max(size - TAIL_BYTES, 0))
        if note in tail:  # told before the keeper was started again
            return
        gap = b"" if not tail or tail.endswith(b"\n\n") else b"\n" if tail.endswith(b"\n") else b"\n\n"
        try:
            write_all(descriptor, gap + note + b"\n")
        except OSError:
            os.ftruncate(descriptor, size)  # half a checkpoint would spoil the file for whoever verifies by it
            raise
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _posting(url: str, key: str | None) -> tuple[Send, tuple[type[Exception], ...]]:
    """What posts to a URL, and how that fails."""
    import httpx

    headers = {"content-type": "text/plain; charset=utf-8"}
    if key is not None:
        headers["authorization"] = f"Bearer {key}"
    client = httpx.Client(timeout=TIMEOUT, headers=headers, follow_redirects=False)

    def post(note: bytes) -> None:
        # What it answers is not read: it may never end.
        with client.stream("POST", url, content=note) as answer:
            if not answer.is_success:
                raise RefusedError(f"it answered {answer.status_code} {_phrase(answer.status_code)}".rstrip())

    return post, (httpx.HTTPError, RefusedError)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
