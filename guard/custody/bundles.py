"""The rules that were pushed, as files in the state folder, named by their hashes.

::

    bundles/<sha256>           a parcel of rules (`guard.ruleset.parcel`): what was pushed, byte for byte
    bundles/<sha256>.ready     the same compiled (`guard.ruleset.ready`), so that it is once for all workers
    bundles/configured.ready   the configured rules as they were compiled last, for the same reason

Whatever is read is held against its hash; a file that does not fit is as good as none. A file gets its name when it is
on disk, whole.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp
from time import time

from guard.proof.files import sync_folder
from guard.ruleset import parcel
from guard.ruleset.ready import Ready, read, written

FOLDER = "bundles"
KEPT = 10
"""How many bundles there are at least, those that were used last."""

DRAFT_SECONDS = 3_600.0
"""When what was never finished is of no use to anybody any more."""

READY = ".ready"
CONFIGURED = "configured"
READY_BYTES = 1024 * 1024 * 1024

_NAME = re.compile(r"[0-9a-f]{64}")

Stamp = tuple[tuple[int, int] | None, ...]

logger = logging.getLogger("guard.rules")


class Shelf:
    """The bundles of one state folder."""

    def __init__(self, state: Path) -> None:
        self._folder = state / FOLDER

    def get(self, name: str) -> bytes | None:
        """A parcel; None: it is not here, or not what it was.

        Raises:
            OSError: it is here, and cannot be read.
        """
        data = self._bytes(name, parcel.BYTES)
        if data is not None and parcel.digest(data) != name:
            logger.error("%s is damaged, and is not used", self._folder / name)
            return None
        return data

    def put(self, name: str, data: bytes) -> None:
        """Keep a parcel.

        Raises:
            ValueError: it is not the one with that hash.
            OSError: it cannot be written.
        """
        if parcel.digest(data) != name:
            raise ValueError(f"these are not the rules {name}")
        if self.get(name) is None:
            self._write(name, data)

    def ready(self, name: str) -> Ready | None:
        """A bundle as it was compiled; None: it is not here, or not what it was.

        Raises:
            OSError: it is here, and cannot be read.
        """
        data = self._bytes(name, READY_BYTES, READY)
        return read(data, name) if data is not None else None

    def put_ready(self, ready: Ready) -> None:
        """Keep a bundle as it was compiled.

        Raises:
            OSError: it cannot be written.
        """
        self._write(ready.hash + READY, written(ready))

    def configured(self) -> Ready | None:
        """The configured rules as they were compiled last; None: they are not here, or not what they were.

        Raises:
            OSError: they are here, and cannot be read.
        """
        data = self._bytes(CONFIGURED, READY_BYTES, READY)
        return read(data) if data is not None else None

    def put_configured(self, ready: Ready) -> None:
        """Keep the configured rules as they were compiled.

        Raises:
            OSError: they cannot be written.
        """
        self._write(CONFIGURED + READY, written(ready))

    def stamp(self, name: str) -> Stamp:
        """What there is of a bundle; another one means that trying again is worth it. A look, to be taken often."""
        found: list[tuple[int, int] | None] = []
        for end in ("", READY):
            try:
                at = os.stat(self._folder / f"{name}{end}")  # noqa: PTH116  the quicker of the two
                found.append((at.st_ino, at.st_size))
            except OSError:
                found.append(None)
        return tuple(found)

    @contextmanager
    def compiling(self) -> Iterator[None]:
        """Be the only one of this node that compiles. Waits for as long as another one does.

        Raises:
            OSError: the lock file cannot be opened.
        """
        self._make_folder()
        descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def used(self, name: str) -> None:
        """Have it noted that a bundle is in force now, so that it is kept."""
        for end in ("", READY):
            with suppress(OSError):
                os.utime(self._folder / f"{name}{end}")

    def known_good(self) -> list[str]:
        """The bundles that were compiled here, those that were used last first."""
        return [name for name in self._by_age() if (self._folder / f"{name}{READY}").exists()]

    def prune(self, keep: Collection[str | None]) -> None:
        """Delete what was not used for long: all but `KEPT` bundles, and those named. What cannot be deleted stays."""
        with suppress(OSError):
            for name in self._by_age()[KEPT:]:
                if name not in keep:
                    (self._folder / name).unlink(missing_ok=True)
                    (self._folder / f"{name}{READY}").unlink(missing_ok=True)
            for draft in self._folder.glob("*.draft"):
                if draft.stat().st_mtime < time() - DRAFT_SECONDS:
                    draft.unlink(missing_ok=True)

    def _make_folder(self) -> None:
        self._folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder.mkdir(mode=0o700, exist_ok=True)

    def _by_age(self) -> list[str]:
        ages: dict[str, float] = {}
        with suppress(FileNotFoundError), os.scandir(self._folder) as entries:
            for entry in entries:
                name = entry.name.removesuffix(READY)
                if _NAME.fullmatch(name):
                    with suppress(FileNotFoundError):
                        ages[name] = max(ages.get(name, 0.0), entry.stat().st_mtime)
        return sorted(ages, key=lambda name: ages[name], reverse=True)

    def _bytes(self, name: str, most: int, end: str = "") -> bytes | None:
        if name != CONFIGURED and not _NAME.fullmatch(name):
            return None
        try:
            descriptor = os.open(self._folder / f"{name}{end}", os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(most + 1)
        return data if len(data) <= most else None

    def _write(self, name: str, data: bytes) -> None:
        self._make_folder()
        descriptor, draft = mkstemp(dir=self._folder, suffix=".draft")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            Path(draft).replace(self._folder / name)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
        sync_folder(self._folder)
