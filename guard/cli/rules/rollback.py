"""`guard rules rollback`: the rules as they were before."""

from __future__ import annotations

from pathlib import Path
from time import time
from typing import TYPE_CHECKING

import click

from guard.cli.errors import TroubleError, tell
from guard.cli.measure import Order, order_options, state_of, take_all
from guard.cli.options import configuration
from guard.cli.output import emit
from guard.cli.visible import visible
from guard.config import Config

if TYPE_CHECKING:
    from guard.custody.rulings import Way


@click.command()
@click.option("--to", "version", type=click.IntRange(0), help="As of this version.  [default: before the last change]")
@order_options
def rollback(version: int | None, order: Order) -> int:
    """Have the rules as they were: those that were pushed, added and disabled then. All of it, or nothing.

    It is a new change; rolling it back undoes it.
    """
    if order.lasts is not None:
        raise click.UsageError("a rollback does not end by itself; another one undoes it")
    from guard.control.desk import Planned

    settings = configuration(order.config, keys=False)
    seen = state_of(order.config).shared
    way = _way(settings, version)
    _find(way, settings)
    way = _possible(way, order, settings)
    if order.dry_run or not order.as_json:
        _tell(way, order)
    if order.dry_run:
        return 0
    changes = [Planned(step.change, expires=step.expires) for step in way.steps]
    if order.if_version is None:
        order = order._replace(if_version=way.seen if settings.store.url is None else seen)
    return take_all(order, changes, f"rolled back to version {way.to}", settings)


def _way(settings: Config, version: int | None) -> Way:
    from guard.custody import control
    from guard.custody.rulings import NoWayBackError, way_back

    try:
        return way_back(control.changes(Path(settings.state) / settings.journal.dir), version, time())
    except control.ControlError as error:
        raise TroubleError(f"{error}; `guard log verify` tells more") from None
    except NoWayBackError as error:
        raise TroubleError(str(error)) from None


def _find(way: Way, settings: Config) -> None:
    """See that rules that are to be in force again are still here."""
    from guard.custody.bundles import Shelf

    shelf = Shelf(Path(settings.state))
    for step in way.steps:
        name = step.change.get("bundle")
        if name is not None and shelf.get(name) is None and shelf.ready(name) is None:
            raise TroubleError(f"the rules {name} are not in {settings.state} any more; push them again instead")


def _possible(way: Way, order: Order, settings: Config) -> Way:
    """Without what is to be disabled again and is not there any more, which is told."""
    from guard.custody.bundles import Shelf
    from guard.custody.present import GoneError, present

    again = {step.change["id"] for step in way.steps if step.change["type"] == "disable-rule"}
    if not again or any(step.change["type"] == "push-rules" for step in way.steps):
        return way
    state = state_of(order.config)
    try:
        there = {one.rule.id for one in present(settings.rules, Shelf(Path(settings.state)), state)}
    except GoneError as error:
        raise TroubleError(str(error)) from None
    added = {step.change["id"] for step in way.steps if step.change["type"] == "add-rule"}
    gone = again - there - added - state.rules.keys()
    if gone:
        tell(f"{', '.join(sorted(gone))}: there is no such rule any more, and nothing to be disabled")
    steps = [step for step in way.steps if step.change["type"] != "disable-rule" or step.change["id"] not in gone]
    if not steps:
        raise TroubleError(f"the rules are as they were at version {way.to}")
    return way._replace(steps=steps)


def _tell(way: Way, order: Order) -> None:
    if order.as_json:
        emit({"to": way.to, "changes": [step.change for step in way.steps]})
        return
    for step in way.steps:
        click.echo(visible(step.told))
