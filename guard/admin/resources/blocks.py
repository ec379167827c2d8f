"""Blocks that were ordered and are in force; those of the configuration are in its file."""

from __future__ import annotations

from typing import get_args

from guard.admin.answer import Answer
from guard.admin.call import Call
from guard.admin.listing import Listing
from guard.admin.ordering import place, take_back
from guard.admin.shapes import BlockShown
from guard.changes import Block, Caller
from guard.control.names import canonical
from guard.control.provenance import provenance
from guard.custody.measures import Measure

KINDS: tuple[str, ...] = get_args(Caller)


def _shown(measure: Measure) -> BlockShown:
    change = measure.change
    assert isinstance(change, Block)
    return BlockShown(kind=change.kind, value=change.value, simulated=change.simulated, **provenance(measure))


LISTING = Listing("block", lambda state: state.blocks, lambda key: key, _shown)


def listed(call: Call) -> Answer:
    """A page of them."""
    return LISTING.page(call)


def one(call: Call) -> Answer:
    """One of them."""
    return LISTING.one(call, _key(call))


def add(call: Call) -> Answer:
    """Block somebody."""
    given = call.body
    change = {"type": "block", "kind": given.kind, "value": given.value, "simulated": given.simulated}
    if given.wide:
        change["wide"] = True
    return place(call, [change], status=201)


def remove(call: Call) -> Answer:
    """Serve somebody again."""
    kind, value = key = _key(call)
    return take_back(call, LISTING, key, {"type": "unblock", "kind": kind, "value": value})


def _key(call: Call) -> tuple[str, str]:
    kind = call.path["kind"]
    return kind, canonical(kind, call.path["value"])
