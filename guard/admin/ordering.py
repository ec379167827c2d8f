"""Orders out of calls: placed, or only previewed, and told."""

from __future__ import annotations

from typing import Any

import msgspec

from guard.admin.answer import Answer, json
from guard.admin.call import Call, changed
from guard.admin.history import shown
from guard.admin.listing import Key, Listing
from guard.admin.problem import unfit
from guard.admin.shapes import Late, OrderWords, Placed, Preview, WordsGiven
from guard.admin.tags import tag
from guard.changes import VersionError
from guard.control.desk import Order, Planned
from guard.control.desk import Placed as Done

TRIES = 5


def place(call: Call, changes: list[dict[str, Any]], *, status: int = 200, token: str | None = None) -> Answer:
    """Place an order with the words of the call; with `dry_run` in the query only tell what it would change."""
    if (before := call.desk.placed(call.mark, len(changes), call.query.patience)) is not None:
        return again(before, status)
    order = _order(call, changes, call.if_version)
    if call.query.dry_run == "true":
        return preview(call, order)
    return told(call.desk.place(order, call.query.patience), status, token, brief=call.query.brief == "true")


def take_back(call: Call, listing: Listing, key: Key, change: dict[str, Any]) -> Answer:
    """Place an order that takes a measure back; ``If-Match`` is about that measure, whatever else has changed."""
    if (before := call.desk.placed(call.mark, 1)) is not None:
        return again(before, 200)
    for left in reversed(range(TRIES)):
        with call.desk.state() as state:
            measure = listing.measure(call, key)
            version = call.desk.version(state)
        call.check_match(tag(measure.version), version, msgspec.to_builtins(listing.shown(measure)))
        order = _order(call, [change], version if "if-match" in call.headers else None)
        if call.query.dry_run == "true":
            return preview(call, order)
        try:
            return told(call.desk.place(order), 200)
        except VersionError as error:  # something else has changed since we looked
            if not left:
                raise changed(error.version) from None
    raise AssertionError("the last try either returns or raises")


def again(before: Done, status: int) -> Answer:
    """What has become of an order that is given again; the control process that took it then is gone since."""
    return told(before, status).with_header("idempotency-replayed", "true")


def preview(call: Call, order: Order) -> Answer:
    """What an order would change."""
    with call.desk.state() as state:
        version = call.desk.version(state)
    if order.if_version not in (None, version):
        raise changed(version)
    rows = [Preview(**row) for row in call.desk.preview(order)]
    return json(Placed(version=version, preview=rows))


def told(done: Done, status: int, token: str | None = None, *, brief: bool = False) -> Answer:
    """What became of an order; `brief`: without its records."""
    late = [Late(one.log, one.fault) for one in done.force.late]
    placed = Placed(
        version=done.version,
        changes=[] if brief else [shown(record) for record in done.records],
        workers=done.force.workers,
        late=late,
        seconds=round(done.force.seconds, 4),
        token=token,
        trouble=done.trouble or None,
    )
    return json(placed, status, tag=tag(done.version), ids=tuple(record["id"] for record in done.records[:100]))


def _order(call: Call, changes: list[dict[str, Any]], if_version: int | None) -> Order:
    words: Any = call.body if isinstance(call.body, OrderWords) else call.query
    each: list[WordsGiven] | None = getattr(words, "each", None)
    if each is None:
        planned = [Planned(change) for change in changes]
    elif len(each) == len(changes):
        pairs = zip(changes, each, strict=True)
        planned = [Planned(change, one.reason, one.incident, one.expires) for change, one in pairs]
    else:
        raise unfit("body.each", f"it has {len(each)} items", f"one for each change, of which there are {len(changes)}")
    expires = getattr(words, "expires", None)
    return Order(planned, words.reason, call.who.name, words.incident, expires, if_version, call.mark)
