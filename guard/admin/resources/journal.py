"""The journal, for analysts: exchanges that are looked for, and one of them whole. Bounded in time and in size."""

from __future__ import annotations

import threading
from time import monotonic
from typing import Any

import msgspec

from guard.admin.answer import Answer, json
from guard.admin.call import Call
from guard.admin.problem import Problem, unfit
from guard.admin.shapes import Exchanges
from guard.evidence.filters import FilterError, Filters
from guard.evidence.reader import Newest, Objects, deleted
from guard.evidence.scan import Scan

SEARCHES = 2
SEARCH_SECONDS = 20.0
MOST_BYTES = 16 * 1_048_576
MOST_NOTES = 20
CHUNK_BYTES = 1_048_576

_running = threading.BoundedSemaphore(SEARCHES)


def search(call: Call) -> Answer:
    """The exchanges that fit, the newest first."""
    words = msgspec.structs.asdict(call.query)
    limit = words.pop("limit")
    filters = Filters(**words)
    found, complete, notes = _searched(call, filters, limit)
    items: list[dict[str, Any]] = []
    size = 0
    for item in reversed(found):
        size += len(msgspec.json.encode(item))
        if size > MOST_BYTES:
            complete = False
            break
        items.append(item)
    return json(Exchanges(items=items, complete=complete, notes=notes))


def one(call: Call) -> Answer:
    """All that the journal has of one exchange."""
    id_ = call.path["id"]
    found, complete, _ = _searched(call, Filters(id=(id_,)), 1)
    if found:
        return json(found[0])
    gone = deleted(call.desk.journal, id_)
    if gone:
        raise Problem(404, "missing", f"records of its time were deleted: {', '.join(gone)}")
    if not complete:
        raise Problem(503, "slow", f"it was not found within {SEARCH_SECONDS:g} seconds", headers={"retry-after": "5"})
    raise Problem(404, "missing", "the journal has no such exchange")


def _searched(call: Call, filters: Filters, limit: int) -> tuple[list[Any], bool, list[str]]:
    if not _running.acquire(blocking=False):
        raise Problem(429, "searches", "as many searches run as may; try again", headers={"retry-after": "2"})
    try:
        return _scanned(call, filters, limit)
    except FilterError as error:
        raise unfit("query", str(error)) from None
    finally:
        _running.release()


def _scanned(call: Call, filters: Filters, limit: int) -> tuple[list[Any], bool, list[str]]:
    """The newest exchanges that fit; whether all were looked at that could be among them; what could not be read."""
    newest = Newest(limit)
    notes: list[str] = []
    until = monotonic() + SEARCH_SECONDS
    scan = Scan(
        call.desk.journal, filters, Objects, note=notes.append, newest_first=True, enough=newest.enough,
        chunk=CHUNK_BYTES, processes=1,
    )  # fmt: skip
    for made in scan.run():
        for exchange in made:
            newest.put(exchange["at"], exchange)
        if monotonic() > until:
            return newest.items(), False, notes[:MOST_NOTES]
    return newest.items(), True, notes[:MOST_NOTES]
