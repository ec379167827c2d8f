"""Rules that are to be pushed: read, compiled and tried, held against those in force, put where the workers look."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from guard.config import Config, Rules
from guard.control.rulebook import present
from guard.custody import rules
from guard.custody.bundles import Shelf
from guard.custody.workers import running
from guard.ruleset.files import Files
from guard.ruleset.problem import BundleError, Problem
from guard.ruleset.ready import Prepared, entries, prepare


class Difference(NamedTuple):
    """Which rules a push would bring, take away and change, by their ids."""

    added: list[str]
    removed: list[str]
    changed: list[str]


def prepared(files: Files, bounds: Rules) -> Prepared:
    """Read, compile and try them; this takes its time.

    Raises:
        BundleError: they cannot be used, or there are none; with every problem.
    """
    found = prepare(files, engine=bounds.engine, hold_back=bounds.hold_back)
    if not found.bundle.rules:
        raise BundleError([Problem(file="", why=f"there are no rules in {files}; expected *.yaml files with some")])
    return found


def difference(config: Config, before: str | None, found: Prepared) -> Difference:
    """What a push would change in the rules in force: those with the hash `before`, or (None) the configured ones.

    Raises:
        OrderError: those are not here.
        OSError: they cannot be read.
    """
    old = {one.rule.id: (one.rule, one.literals) for one in present(config, before)}
    new = {one.rule.id: (one.rule, one.literals) for one in entries(found.ready)}
    changed = [id_ for id_ in new if id_ in old and new[id_] != old[id_]]
    return Difference([id_ for id_ in new if id_ not in old], [id_ for id_ in old if id_ not in new], changed)


def publish(config: Config, before: str | None, found: Prepared) -> None:
    """Put them where the workers look, as they are and as they were compiled; those with the hash `before` stay there.

    Raises:
        OSError: they cannot be written.
    """
    folder = Path(config.state)
    workers = running(folder, folder / config.journal.dir)
    rules.publish(Shelf(folder), found, {before, *(one.rules for one in workers)})
