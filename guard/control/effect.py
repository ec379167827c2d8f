"""What is in force on the thing that a change is about, and what a change would do to it."""

from __future__ import annotations

from typing import Literal

from guard import changes as ch
from guard.custody.measures import Measure, State

Effect = Literal["adds", "replaces", "removes", "nothing"]
Removal = ch.Unblock | ch.Online | ch.RemoveRule | ch.EnableRule | ch.RemoveLimit | ch.RemoveOperator


def standing(state: State, change: ch.AnyChange) -> Measure | None:
    """The measure that the change would replace or remove; None: there is none."""
    match change:
        case ch.Block() | ch.Unblock():
            return state.blocks.get((change.kind, change.value))
        case ch.Switch():
            return state.active.get(change.model)
        case ch.Isolate():
            return state.isolated.get(change.model)
        case ch.Offline():
            return state.offline.get(change.model)
        case ch.Online():
            return _closed(state, change.model)
        case ch.AddRule() | ch.RemoveRule():
            return state.rules.get(change.id)
        case ch.DisableRule() | ch.EnableRule():
            return state.disabled.get(change.id)
        case ch.PushRules():
            return state.bundle.get(None)
        case ch.SetLimit() | ch.RemoveLimit():
            return _limit(state, change)
        case ch.AddOperator() | ch.RemoveOperator():
            return state.operators.get(change.name)


def takes_back(change: ch.AnyChange) -> bool:
    """Whether a change only takes something back, and puts nothing in its place."""
    empty = (isinstance(change, ch.Switch) and change.version is None) or (
        isinstance(change, ch.PushRules) and change.bundle is None
    )
    return empty or isinstance(change, Removal)


def effect(found: Measure | None, change: ch.AnyChange) -> Effect:
    """What a change does where that was found."""
    if takes_back(change):
        return "nothing" if found is None else "removes"
    return "adds" if found is None else "replaces"


def missing(change: ch.AnyChange) -> str:
    """What to say where there is nothing that the change could take back; empty: that is no trouble."""
    match change:
        case ch.Unblock():
            return f"{change.kind} {change.value} is not blocked by command; `guard block list` tells what is"
        case ch.RemoveRule():
            return (
                f"no rule {change.id} was added by command; `guard rules list` tells which were, and"
                " `guard rules disable` takes any rule out of force"
            )
        case ch.EnableRule():
            return f"no rule {change.id} is disabled; `guard rules list` tells which are"
        case ch.RemoveLimit():
            whose = f":{change.subject}" if change.subject is not None else ""
            return f"{change.per}{whose} has no such limit by command; `guard limit list` tells which there are"
        case ch.RemoveOperator():
            return f"there is no operator {change.name}; `guard operator list` tells who is"
    return ""


def _closed(state: State, model: str | None) -> Measure | None:
    if model is not None:
        return state.offline.get(model) or state.isolated.get(model)
    return next(iter([*state.offline.values(), *state.isolated.values()]), None)


def _limit(state: State, change: ch.SetLimit | ch.RemoveLimit) -> Measure | None:
    if change.what is not None:
        return state.limits.get((change.per, change.subject, change.what))
    found = (one for (per, subject, _), one in state.limits.items() if (per, subject) == (change.per, change.subject))
    return next(found, None)
