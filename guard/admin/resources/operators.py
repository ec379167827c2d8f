"""Operators: who may call, and as what."""

from __future__ import annotations

from guard.admin.answer import Answer
from guard.admin.call import Call
from guard.admin.listing import Listing
from guard.admin.operators import digest, new_token
from guard.admin.ordering import place, take_back
from guard.admin.shapes import OperatorShown
from guard.changes import AddOperator
from guard.control.provenance import provenance
from guard.custody.measures import Measure


def _shown(measure: Measure) -> OperatorShown:
    change = measure.change
    assert isinstance(change, AddOperator)
    return OperatorShown(name=change.name, role=change.role, **provenance(measure))


LISTING = Listing("operator", lambda state: state.operators, lambda key: (key,), _shown)


def listed(call: Call) -> Answer:
    """A page of them."""
    return LISTING.page(call)


def one(call: Call) -> Answer:
    """One of them."""
    return LISTING.one(call, call.path["name"])


def add(call: Call) -> Answer:
    """Let somebody call, with a token that the answer tells once; one who is there gets another role and token."""
    token = new_token()
    change = {"type": "add-operator", "name": call.body.name, "role": call.body.role, "token": digest(token)}
    return place(call, [change], status=201, token=token)


def remove(call: Call) -> Answer:
    """Let somebody call no more."""
    name = call.path["name"]
    return take_back(call, LISTING, name, {"type": "remove-operator", "name": name})
