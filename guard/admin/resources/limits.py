"""Limits that were ordered and are in force; those of the configuration are in its file."""

from __future__ import annotations

from typing import get_args

from guard.admin.answer import Answer, json
from guard.admin.call import Call
from guard.admin.listing import Listing
from guard.admin.ordering import place, take_back
from guard.admin.problem import Problem
from guard.admin.shapes import LimitShown, Page, Uses
from guard.changes import Per, Quantity, SetLimit
from guard.control import usage
from guard.control.provenance import provenance
from guard.custody.measures import Measure

PERS: tuple[str, ...] = get_args(Per)
QUANTITIES: tuple[str, ...] = get_args(Quantity)


def _shown(measure: Measure) -> LimitShown:
    change = measure.change
    assert isinstance(change, SetLimit)
    return LimitShown(
        per=change.per, subject=change.subject, what=change.what, amount=change.amount, burst=change.burst,
        **provenance(measure),
    )  # fmt: skip


LISTING = Listing("limit", lambda state: state.limits, lambda key: (key[0], key[2], key[1] or ""), _shown)


def configured(call: Call) -> Answer:
    """Those of the configuration; there are as many as its file has."""
    with call.desk.state() as state:
        version = call.desk.version(state)
    return json(Page(items=usage.configured(call.desk.config), next=None, version=version))


def used(call: Call) -> Answer:
    """How much somebody uses now, of each limit that holds them."""
    with call.desk.state() as state:
        ordered = list(state.limits.values())
    try:
        return json(Uses(usage.uses(call.desk.config, ordered, call.query.per, call.query.subject)))
    except (OSError, ValueError) as error:
        raise Problem(503, "usage", f"what the workers count cannot be read: {error}") from None


def listed(call: Call) -> Answer:
    """A page of them."""
    return LISTING.page(call)


def one(call: Call) -> Answer:
    """One of them."""
    return LISTING.one(call, _key(call))


def put(call: Call) -> Answer:
    """Set one, in the place of what was set for the same."""
    names = ("per", "what", "amount", "subject", "burst")
    change = {"type": "set-limit", **{name: getattr(call.body, name) for name in names}}
    return place(call, [change], status=201)


def remove(call: Call) -> Answer:
    """Take one back."""
    per, subject, what = key = _key(call)
    return take_back(call, LISTING, key, {"type": "remove-limit", "per": per, "what": what, "subject": subject})


def _key(call: Call) -> tuple[str, str | None, str]:
    return call.path["per"], call.path.get("subject"), call.path["what"]
