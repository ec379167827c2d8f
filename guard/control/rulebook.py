"""The rules in force as they are told: where each is from, and whether it is enforced, only watches, or is disabled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from guard.changes import AddRule
from guard.config import Config
from guard.control.desk import Desk
from guard.control.errors import OrderError
from guard.control.provenance import provenance
from guard.custody import present as custody
from guard.custody.bundles import Shelf
from guard.custody.measures import Measure, State
from guard.custody.present import Present
from guard.custody.rulings import bundle_of


def present(config: Config, bundle: str | None) -> list[Present]:
    """All but those that were added by command; `bundle` is the hash of those that were pushed, if any were.

    Raises:
        OrderError: they are not here.
        OSError: they cannot be read.
    """
    try:
        return custody.present(config.rules, Shelf(Path(config.state)), bundle)
    except custody.GoneError as error:
        raise OrderError("", str(error), missing=True) from None


def rows(desk: Desk) -> list[dict[str, Any]]:
    """All of them, those that were added last. Nobody else waits for the files that are read.

    Raises:
        OrderError: they are not here.
        ControlError: the control log cannot be relied on.
        OSError: something cannot be read.
    """
    with desk.state() as state:
        bundle = bundle_of(state)
    found = present(desk.config, bundle)
    with desk.state() as state:
        told = [_row(one, "pushed" if bundle is not None else "configured", state) for one in found]
        return told + [_added(one, state) for one in state.rules.values()]


def _row(one: Present, source: str, state: State) -> dict[str, Any]:
    rule = one.rule
    return {
        "id": rule.id, "title": rule.title, "level": rule.level, "target": rule.target, "action": rule.action,
        "status": _status(rule.id, rule.mode, state), "from": source, "file": one.file, **_disabled(rule.id, state),
    }  # fmt: skip


def _added(one: Measure, state: State) -> dict[str, Any]:
    rule = one.change
    assert isinstance(rule, AddRule)
    return {
        "id": rule.id, "target": rule.target, "text": rule.regex if rule.regex is not None else rule.literal,
        "is_regex": rule.regex is not None, "shadow": rule.shadow, "action": "block",
        "status": _status(rule.id, "shadow" if rule.shadow else "enforce", state), "from": "added", **provenance(one),
        **_disabled(rule.id, state),
    }  # fmt: skip


def _status(id_: str, mode: str, state: State) -> str:
    return "disabled" if id_ in state.disabled else mode


def _disabled(id_: str, state: State) -> dict[str, Any]:
    return {"disabled": provenance(state.disabled[id_])} if id_ in state.disabled else {}
