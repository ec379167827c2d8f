"""The rules that the control log says are in force, but for those that were added by command."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from guard.cli.errors import TroubleError
from guard.config import Config

if TYPE_CHECKING:
    from guard.custody.measures import State
    from guard.ruleset.files import Files
    from guard.ruleset.rule import Rule


class Present(NamedTuple):
    """A rule, the file it is from, and its literals as they are compared."""

    rule: Rule
    file: str
    literals: tuple[str, ...]


def present(settings: Config, state: State) -> list[Present]:
    """Those of the pushed bundle, or of the configured folder as it is now; nothing is compiled.

    Raises:
        TroubleError: the bundle is not here.
    """
    from guard.custody.bundles import Shelf
    from guard.custody.rulings import bundle_of
    from guard.ruleset.files import Directory
    from guard.ruleset.parcel import Parcel
    from guard.ruleset.ready import entries

    name = bundle_of(state)
    if name is None:
        return _read(Directory(Path(settings.rules.dir))) if settings.rules.dir is not None else []
    shelf = Shelf(Path(settings.state))
    ready = shelf.ready(name)
    if ready is not None:
        now = datetime.now(UTC)
        found = [Present(one.rule, one.file, one.literals) for one in entries(ready)]
        return [one for one in found if one.rule.expires is None or one.rule.expires > now]
    parcel = shelf.get(name)
    if parcel is None:
        raise TroubleError(f"the rules {name}, which were pushed, are not in {settings.state}; push them again")
    return _read(Parcel(parcel))


def _read(files: Files) -> list[Present]:
    from guard.ruleset.folder import Folder

    ready = Folder(files, datetime.now(UTC)).ready
    return [Present(one.rule, one.file, terms.literals) for one, terms in ready]
