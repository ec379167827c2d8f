"""Rules that were added by an order and are in force; those of the rules folder are in its files."""

from __future__ import annotations

from typing import Any

from guard.admin.answer import Answer
from guard.admin.call import Call
from guard.admin.listing import Listing
from guard.admin.ordering import place, take_back
from guard.admin.problem import unfit
from guard.admin.shapes import RuleShown
from guard.changes import AddRule
from guard.control.provenance import provenance
from guard.control.trial import rule_id
from guard.custody.measures import Measure


def _shown(measure: Measure) -> RuleShown:
    change = measure.change
    assert isinstance(change, AddRule)
    return RuleShown(
        id=change.id, target=change.target, literal=change.literal, regex=change.regex, shadow=change.shadow,
        **provenance(measure),
    )  # fmt: skip


LISTING = Listing("rule", lambda state: state.rules, lambda key: (key,), _shown)


def listed(call: Call) -> Answer:
    """A page of them."""
    return LISTING.page(call)


def one(call: Call) -> Answer:
    """One of them."""
    return LISTING.one(call, call.path["id"])


def add(call: Call) -> Answer:
    """Add one."""
    given = call.body
    if (given.literal is None) == (given.regex is None):
        raise unfit("body", "it has both or neither", "either `literal` or `regex`")
    kind = "regex" if given.regex is not None else "literal"
    text = given.regex if given.regex is not None else given.literal
    change: dict[str, Any] = {
        "type": "add-rule", "id": given.id or rule_id(given.target, kind, text), "target": given.target, kind: text,
        "shadow": given.shadow,
    }  # fmt: skip
    return place(call, [change], status=201)


def remove(call: Call) -> Answer:
    """Take one back."""
    id_ = call.path["id"]
    return take_back(call, LISTING, id_, {"type": "remove-rule", "id": id_})
