"""The measures in force: a fold over the control log.

A change of type ``block`` or ``unblock`` has a ``kind`` (ip, account, client, key) and a ``value``; ``switch`` has a
``model`` and the ``version`` that is asked first (null: the configured one); ``isolate`` and ``online`` have a
``model``, to which nobody gets, or everybody again; ``add-rule`` has an ``id``, a ``target`` (prompt, output), a
``literal`` or a ``regex``, and perhaps ``shadow``; ``remove-rule`` the ``id``. A measure with `expires` (seconds since
the epoch) is over then, and the last one on a thing counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from itertools import chain
from math import inf
from typing import Any, NamedTuple

from guard.measures import AddedRule, Block, Measures

KINDS = ("ip", "account", "client", "key")


class Measure(NamedTuple):
    """A measure in force, and what the control log says of it."""

    change: dict[str, Any]
    at: float
    actor: str
    reason: str
    incident: str | None
    expires: float | None


class State:
    """The measures that some changes come to.

    Attributes:
        version: how many records of the control log it is the state after.
        blocks: by kind and value.
        active: by model, the version.
        isolated: by model.
        rules: by id.
        next_expiry: when (seconds since the epoch) the next of them is over.
    """

    def __init__(self) -> None:
        self.version = 0
        self.blocks: dict[tuple[str, str], Measure] = {}
        self.active: dict[str, Measure] = {}
        self.isolated: dict[str, Measure] = {}
        self.rules: dict[str, Measure] = {}
        self.next_expiry = inf

    def take(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Take changes in their order; those that are none, or of a later program, are passed over."""
        for record in records:
            change = record.get("change")
            if isinstance(change, dict):
                self._take(change, _measure(record, change))
            self.version = record["seq"] + 1
        self._see_expiry()

    def drop_expired(self, now: float) -> None:
        """Forget what is over by now."""
        _drop(self.blocks, now)
        _drop(self.active, now)
        _drop(self.isolated, now)
        _drop(self.rules, now)
        self._see_expiry()

    def measures(self) -> Measures:
        """The same as a value."""
        return Measures(
            self.version,
            tuple(Block(kind, value, one.reason) for (kind, value), one in self.blocks.items()),
            tuple((model, one.change["version"]) for model, one in self.active.items()),
            frozenset(self.isolated),
            tuple(_added(id_, one.change) for id_, one in self.rules.items()),
        )

    def _see_expiry(self) -> None:
        every = chain(*(found.values() for found in (self.blocks, self.active, self.isolated, self.rules)))
        self.next_expiry = min((one.expires for one in every if one.expires is not None), default=inf)

    def _take(self, change: dict[str, Any], measure: Measure) -> None:
        kind, value, model, id_ = (change.get(name) for name in ("kind", "value", "model", "id"))
        match change.get("type"):
            case "block" if isinstance(kind, str) and isinstance(value, str) and _is_name(kind, value):
                self.blocks[kind, value] = measure
            case "unblock" if isinstance(kind, str) and isinstance(value, str):
                self.blocks.pop((kind, value), None)
            case "switch" if isinstance(model, str) and isinstance(change.get("version"), str):
                self.active[model] = measure
            case "switch" if isinstance(model, str):
                self.active.pop(model, None)
            case "isolate" if isinstance(model, str):
                self.isolated[model] = measure
            case "online" if isinstance(model, str):
                self.isolated.pop(model, None)
            case "add-rule" if isinstance(id_, str) and isinstance(change.get("regex", change.get("literal")), str):
                self.rules[id_] = measure
            case "remove-rule" if isinstance(id_, str):
                self.rules.pop(id_, None)


def _is_name(kind: str, value: str) -> bool:
    if kind != "ip":
        return kind in KINDS
    try:
        ip_network(value)
    except ValueError:
        return False
    return True


def _added(id_: str, change: dict[str, Any]) -> AddedRule:
    is_regex = "regex" in change
    text = change["regex"] if is_regex else change["literal"]
    return AddedRule(id_, str(change.get("target")), text, is_regex, change.get("shadow") is True)


def _drop(found: dict[Any, Measure], now: float) -> None:
    for key in [key for key, one in found.items() if one.expires is not None and one.expires <= now]:
        del found[key]


def _measure(record: Mapping[str, Any], change: dict[str, Any]) -> Measure:
    at, expires, incident = record.get("at"), record.get("expires"), record.get("incident")
    return Measure(
        change,
        float(at) if isinstance(at, int | float) else 0.0,
        str(record.get("actor")),
        str(record.get("reason")),
        str(incident) if incident is not None else None,
        float(expires) if isinstance(expires, int | float) and not isinstance(expires, bool) else None,
    )
