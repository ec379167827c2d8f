"""The rules that the control log says are in force, but for those that were added by command. Nothing is compiled."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from guard.config import Rules as Bounds
from guard.custody.bundles import Shelf
from guard.ruleset.files import DATA, Directory, Files
from guard.ruleset.folder import Folder
from guard.ruleset.parcel import Parcel
from guard.ruleset.ready import entries
from guard.ruleset.rule import Rule

Stamp = tuple[tuple[str, int, int, int], ...]

_reading = threading.Lock()


class GoneError(Exception):
    """The rules that were pushed are not here; the message says which, and what to do."""


class Present(NamedTuple):
    """A rule, the file it is from, and its literals as they are compared."""

    rule: Rule
    file: str
    literals: tuple[str, ...]


def present(bounds: Bounds, shelf: Shelf, bundle: str | None) -> list[Present]:
    """Those of the bundle with that hash, which was pushed, or (None) of the configured folder as it is now.

    Raises:
        GoneError: the bundle is not here.
        OSError: it cannot be read.
    """
    if bundle is not None:
        return _in_force(_pushed(bundle, shelf))
    return _in_force(_configured(Path(bounds.dir))) if bounds.dir is not None else []


def _pushed(name: str, shelf: Shelf) -> list[Present]:
    ready = shelf.ready(name)
    if ready is not None:
        return [Present(one.rule, one.file, one.literals) for one in entries(ready)]
    parcel = shelf.get(name)
    if parcel is None:
        raise GoneError(f"the rules {name}, which were pushed, are not here any more; push them again")
    return _read(Parcel(parcel))


def _configured(folder: Path) -> tuple[Present, ...]:
    """Read again only when a file has changed, and by one thread: of many rules that takes seconds."""
    with _reading:
        return _as_it_is(folder, _stamp(folder))


@lru_cache(1)
def _as_it_is(folder: Path, _: Stamp) -> tuple[Present, ...]:
    return tuple(_read(Directory(folder)))


def _stamp(folder: Path) -> Stamp:
    """What tells a folder from itself after a change."""
    found = []
    for path in sorted((*folder.glob("*.yaml"), *(folder / DATA).rglob("*"))):
        with suppress(OSError):
            at = path.stat()
            found.append((str(path), at.st_ino, at.st_mtime_ns, at.st_size))
    return tuple(found)


def _in_force(found: Iterable[Present]) -> list[Present]:
    now = datetime.now(UTC)
    return [one for one in found if one.rule.expires is None or one.rule.expires > now]


def _read(files: Files) -> list[Present]:
    ready = Folder(files, datetime.now(UTC)).ready
    return [Present(one.rule, one.file, terms.literals) for one, terms in ready]
