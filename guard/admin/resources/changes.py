"""Changes: the history of the control log, and orders of any kind."""

from __future__ import annotations

from typing import Any

from guard.admin.answer import Answer, json
from guard.admin.call import Call
from guard.admin.cursor import CursorError, read, write
from guard.admin.history import shown
from guard.admin.ordering import place
from guard.admin.problem import Problem, unfit
from guard.admin.shapes import Page
from guard.admin.tags import tag
from guard.control.history import before, since
from guard.custody.rulings import kind_of

LOOKED_AT = 10_000
"""Changes that are looked at for a page of some types of them."""

_OPERATORS = ("add-operator", "remove-operator")


def listed(call: Call) -> Answer:
    """A page of the history. Of an operator's token not even the hash is told."""
    query = call.query
    newest = query.order == "newest"
    with call.desk.state() as state:
        version, current = call.desk.version(state), tag(call.desk.stamp(state))
    if call.is_known(current):
        return Answer(304, headers=(("etag", current),))
    place_ = _place(query)
    many = LOOKED_AT if query.type else query.limit + 1
    found = before(call.desk.journal, place_, many) if newest else since(call.desk.journal, place_ or 0, many)
    fitting = [record for record in found if not query.type or kind_of(record) in query.type]
    items = fitting[: query.limit]
    last = items[-1] if len(fitting) > query.limit else found[-1] if len(found) == many else None
    following = write(f"changes {query.order}", (last["seq"] + (0 if newest else 1),)) if last is not None else None
    return json(Page(items=[shown(record) for record in items], next=following, version=version), tag=current)


def order(call: Call) -> Answer:
    """Changes that come into force together, or not at all. Those on operators are a commander's."""
    changes: list[dict[str, Any]] = call.body.changes
    if not call.who.may("commander") and any(change.get("type") in _OPERATORS for change in changes):
        raise Problem(403, "role", "orders about operators are for the role commander")
    return place(call, changes, status=201)


def _place(query: Any) -> int | None:
    if query.cursor is None:
        return None
    try:
        (found,) = read(f"changes {query.order}", query.cursor, int)
    except CursorError:
        raise unfit("query.cursor", "it is no cursor of this list") from None
    return int(found)
