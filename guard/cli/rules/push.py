"""`guard rules push`: a folder of rules in force on every worker, all of it or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from guard.cli.errors import TroubleError, tell
from guard.cli.measure import Order, order_options, state_of, take
from guard.cli.options import configuration
from guard.cli.output import emit
from guard.cli.rules.present import present
from guard.cli.visible import visible
from guard.config import Config

if TYPE_CHECKING:
    from guard.custody.measures import State
    from guard.custody.present import Present
    from guard.ruleset.ready import Prepared

WARNINGS = 10


class Difference(NamedTuple):
    """Which rules a push would bring, take away and change, by their ids."""

    added: list[str]
    removed: list[str]
    changed: list[str]


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@order_options
def push(directory: Path, order: Order) -> int:
    """Have the rules in DIR in force in the place of all others but those that were added by command.

    They are read, compiled and tried here first; a mistake in any of them changes nothing, and every one is told.
    """
    if order.lasts is not None:
        raise click.UsageError("rules that are pushed do not end by themselves; `guard rules rollback` takes them back")
    settings = configuration(order.config, keys=False)
    prepared = _prepare(directory, settings)
    state = state_of(order.config)
    _warn(prepared.bundle.warnings)
    if order.dry_run:
        _tell(prepared, _difference(present(settings, state), prepared), order)
        return 0
    _publish(prepared, settings, state)
    bundle = prepared.bundle
    change = {"type": "push-rules", "bundle": bundle.hash}
    return take(order, change, f"pushed {len(bundle.rules)} rules, {bundle.hash[:12]}", settings)


def _prepare(directory: Path, settings: Config) -> Prepared:
    """Read, compile and try them.

    Raises:
        TroubleError: they cannot be used; every problem is a line.
    """
    from guard.ruleset.files import Directory
    from guard.ruleset.problem import BundleError
    from guard.ruleset.ready import prepare

    try:
        prepared = prepare(Directory(directory), engine=settings.rules.engine, hold_back=settings.rules.hold_back)
    except BundleError as error:
        raise TroubleError("\n".join(str(one) for one in error.errors)) from None
    if not prepared.bundle.rules:
        raise TroubleError(f"there are no rules in {directory}; expected *.yaml files with some")
    return prepared


def _warn(warnings: Sequence[str]) -> None:
    for warning in warnings[:WARNINGS]:
        tell(f"warning: {warning}")
    if len(warnings) > WARNINGS:
        tell(f"warning: and {len(warnings) - WARNINGS} more; `guard check` tells all of a configured folder")


def _publish(prepared: Prepared, settings: Config, state: State) -> None:
    """Put them where the workers look, as they are and as they were compiled."""
    from guard.custody.bundles import Shelf
    from guard.custody.rules import publish
    from guard.custody.rulings import bundle_of
    from guard.custody.workers import running

    workers = running(Path(settings.state), Path(settings.state) / settings.journal.dir)
    publish(Shelf(Path(settings.state)), prepared, {bundle_of(state), *(one.rules for one in workers)})


def _difference(before: list[Present], prepared: Prepared) -> Difference:
    from guard.ruleset.ready import entries

    old = {one.rule.id: (one.rule, one.literals) for one in before}
    new = {one.rule.id: (one.rule, one.literals) for one in entries(prepared.ready)}
    changed = [id_ for id_ in new if id_ in old and new[id_] != old[id_]]
    return Difference([id_ for id_ in new if id_ not in old], [id_ for id_ in old if id_ not in new], changed)


def _tell(prepared: Prepared, difference: Difference, order: Order) -> None:
    bundle = prepared.bundle
    if order.as_json:
        found: dict[str, Any] = {"bundle": bundle.hash, "rules": len(bundle.rules), "warnings": bundle.warnings}
        emit({**found, **difference._asdict()})
        return
    for sign, ids in zip("+-~", difference, strict=True):
        for id_ in ids:
            click.echo(visible(f"{sign} {id_}"))
    counts = ", ".join(f"{len(ids)} {what}" for what, ids in difference._asdict().items())
    click.echo(f"{len(bundle.rules)} rules, {bundle.hash[:12]}: {counts}; nothing was changed")
