"""Models: which version answers, and whether anybody gets to it."""

from __future__ import annotations

from typing import Any

import msgspec

from guard.admin.answer import Answer, json
from guard.admin.call import Call
from guard.admin.ordering import place
from guard.admin.problem import Problem, unfit
from guard.admin.shapes import Page, RouteShown
from guard.admin.tags import tag
from guard.changes import Switch
from guard.control.models import shown
from guard.measures import Measures


def listed(call: Call) -> Answer:
    """All of them; there are as many as the configuration has."""
    version, current, rows = _rows(call)
    if call.is_known(current):
        return Answer(304, headers=(("etag", current),))
    return json(Page(items=rows, next=None, version=version), tag=current)


def one(call: Call) -> Answer:
    """One of them."""
    _, current, rows = _rows(call)
    row = next((row for row in rows if row.model == call.path["model"]), None)
    if row is None:
        raise Problem(404, "missing", f"there is no such model; there are {', '.join(call.desk.config.models)}")
    return Answer(304, headers=(("etag", current),)) if call.is_known(current) else json(row, tag=current)


def change(call: Call) -> Answer:
    """Switch, isolate, or take offline or online."""
    given = call.body
    if given.model is None and given.action in ("switch", "isolate"):
        raise unfit("body.model", f"it is missing, and {given.action} is about one model", "its name")
    if given.version is not None and given.action != "switch":
        raise unfit("body.version", f"{given.action} takes none")
    words: dict[str, Any] = {"type": given.action, "model": given.model}
    if given.action == "switch":
        words["version"] = given.version
    return place(call, [words], status=201)


def _rows(call: Call) -> tuple[int, str, list[RouteShown]]:
    """The version, the tag of all of them, and all of them."""
    with call.desk.state() as state:
        changes = [one.change for one in state.active.values()]
        measures = Measures(
            active=tuple((one.model, one.version) for one in changes if isinstance(one, Switch) and one.version),
            isolated=frozenset(state.isolated),
            offline=frozenset(state.offline),
        )
        current = tag(call.desk.stamp(state), len(changes) + len(state.isolated) + len(state.offline))
        version = call.desk.version(state)
    return version, current, msgspec.convert(shown(call.desk.config, measures), list[RouteShown])
