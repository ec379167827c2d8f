"""The rules that the control log says are in force, but for those that were added by command. Nothing is compiled."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from guard.config import Rules as Bounds
from guard.custody.bundles import Shelf
from guard.custody.measures import State
from guard.custody.rulings import bundle_of
from guard.ruleset.files import Directory, Files
from guard.ruleset.folder import Folder
from guard.ruleset.parcel import Parcel
from guard.ruleset.ready import entries
from guard.ruleset.rule import Rule


class GoneError(Exception):
    """The rules that were pushed are not here; the message says which, and what to do."""


class Present(NamedTuple):
    """A rule, the file it is from, and its literals as they are compared."""

    rule: Rule
    file: str
    literals: tuple[str, ...]


def present(bounds: Bounds, shelf: Shelf, state: State) -> list[Present]:
    """Those of the pushed bundle, or of the configured folder as it is now.

    Raises:
        GoneError: the bundle is not here.
        OSError: it cannot be read.
    """
    name = bundle_of(state)
    if name is None:
        return _read(Directory(Path(bounds.dir))) if bounds.dir is not None else []
    ready = shelf.ready(name)
    if ready is not None:
        now = datetime.now(UTC)
        found = [Present(one.rule, one.file, one.literals) for one in entries(ready)]
        return [one for one in found if one.rule.expires is None or one.rule.expires > now]
    parcel = shelf.get(name)
    if parcel is None:
        raise GoneError(f"the rules {name}, which were pushed, are not here any more; push them again")
    return _read(Parcel(parcel))


def _read(files: Files) -> list[Present]:
    ready = Folder(files, datetime.now(UTC)).ready
    return [Present(one.rule, one.file, terms.literals) for one, terms in ready]
