"""Everything that was ordered and is in force, of every kind."""

from __future__ import annotations

from typing import Any

import msgspec

from guard.admin.answer import Answer
from guard.admin.call import Call
from guard.admin.listing import Listing
from guard.changes import AddOperator
from guard.custody.measures import Measure, State


def _found(state: State) -> dict[tuple[str, ...], Measure]:
    return {_name(measure): measure for measure in state.in_force()}


def _others(state: State) -> dict[tuple[str, ...], Measure]:
    """All but operators, of whom only a commander is told."""
    return {name: one for name, one in _found(state).items() if not isinstance(one.change, AddOperator)}


def _name(measure: Measure) -> tuple[str, ...]:
    """What it is about, as texts: of one kind there is one measure for each."""
    words = msgspec.to_builtins(measure.change)
    names = ("type", "kind", "value", "model", "id", "per", "what", "subject", "name")
    return tuple(str(words.get(name) or "") for name in names)


def _shown(measure: Measure) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(measure)
    if "token" in told["change"]:
        told["change"]["token"] = "0" * 64  # nobody's
    return told


LISTING = Listing("measure", _found, lambda key: key, _shown)
OTHERS = Listing("measure", _others, lambda key: key, _shown)


def listed(call: Call) -> Answer:
    """A page of those that the caller may know of."""
    return (LISTING if call.who.may("commander") else OTHERS).page(call)
