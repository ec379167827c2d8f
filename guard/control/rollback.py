"""The way back to the rules as they were before, with what of it is still there."""

from __future__ import annotations

from pathlib import Path
from time import time

from msgspec import Struct

from guard.control.desk import Desk
from guard.control.errors import OrderError
from guard.control.rulebook import present
from guard.custody import control
from guard.custody.bundles import Shelf
from guard.custody.rulings import NoWayBackError, Step, Way, bundle_of, way_back


class Back(Struct, frozen=True):
    """The way back.

    Attributes:
        to: the version whose rules are to be in force again.
        version: that which an order of these steps is made for.
        steps: the changes that it takes.
        gone: ids of rules that were disabled then, and are not there any more.
    """

    to: int
    version: int
    steps: list[Step]
    gone: list[str]


def back(desk: Desk, to: int | None) -> Back:
    """How to have the rules as they were at version `to`, or (None) before the last order that made a difference.

    Raises:
        OrderError: there is no way back, or nothing to be changed.
        ControlError: the control log cannot be relied on.
        OSError: something cannot be read.
    """
    with desk.state() as state:
        version, bundle, added = desk.version(state), bundle_of(state), set(state.rules)
    try:
        way = way_back(control.changes(desk.journal), to, time())
    except NoWayBackError as error:
        raise OrderError("to", str(error), missing=True) from None
    _find(way, desk)
    gone = _disabled(way) - added
    if gone:
        gone -= {one.rule.id for one in present(desk.config, bundle)}
    steps = [step for step in way.steps if step.change["type"] != "disable-rule" or step.change["id"] not in gone]
    if not steps:
        raise OrderError("to", f"the rules are as they were at version {way.to}", missing=True)
    return Back(way.to, version, steps, sorted(gone))


def _find(way: Way, desk: Desk) -> None:
    """See that rules that are to be in force again are still here."""
    shelf = Shelf(Path(desk.config.state))
    for step in way.steps:
        name = step.change.get("bundle")
        if name is not None and shelf.get(name) is None and shelf.ready(name) is None:
            what = f"the rules {name} are not in {desk.config.state} any more; push them again instead"
            raise OrderError("to", what, missing=True)


def _disabled(way: Way) -> set[str]:
    """What is to be disabled again, of the rules that are in force now."""
    if any(step.change["type"] == "push-rules" for step in way.steps):
        return set()
    ids: dict[str, set[str]] = {"disable-rule": set(), "add-rule": set()}
    for step in way.steps:
        ids.setdefault(step.change["type"], set()).add(step.change["id"])
    return ids["disable-rule"] - ids["add-rule"]
