"""The rules in force, wherever they are from, and the way back to those of before."""

from __future__ import annotations

import threading

from guard.admin.answer import Answer, json
from guard.admin.call import Call
from guard.admin.cursor import CursorError, read, write
from guard.admin.problem import Problem, unfit
from guard.admin.shapes import Page
from guard.control.rollback import back
from guard.control.rulebook import rows

OF = "rulebook"

_looking_back = threading.BoundedSemaphore(1)


def listed(call: Call) -> Answer:
    """A page of them, in the order that they are in the files."""
    limit, cursor = call.query.limit, call.query.cursor
    with call.desk.state() as state:
        version = call.desk.version(state)
    found = rows(call.desk)
    begin = _place(cursor, [row["id"] for row in found]) if cursor is not None else 0
    taken = found[begin : begin + limit]
    following = write(OF, (taken[-1]["id"],)) if begin + limit < len(found) else None
    return json(Page(items=taken, next=following, version=version))


def way_back(call: Call) -> Answer:
    """What an order would have to change, for the rules to be as they were. All that was ever ordered is read."""
    if not _looking_back.acquire(blocking=False):
        raise Problem(429, "searches", "somebody looks back already; try again", headers={"retry-after": "2"})
    try:
        return json(back(call.desk, call.query.to))
    finally:
        _looking_back.release()


def _place(cursor: str, ids: list[str]) -> int:
    """Where the page begins: behind the last rule of the one before."""
    try:
        (last,) = read(OF, cursor, str)
        return ids.index(last) + 1
    except (CursorError, ValueError):
        raise unfit("query.cursor", "it is no cursor of this list, or its rule is not there any more") from None
