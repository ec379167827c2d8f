"""The measures in force: a fold over the control log.

The last change on a thing counts, and one with `expires` (seconds since the epoch) is over then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_network
from math import inf
from typing import Any

from msgspec import Struct

from guard import changes as ch
from guard.measures import AddedLimit, AddedRule, Block, Measures


class Measure(Struct, frozen=True, gc=False):
    """A measure in force, and what the control log says of it.

    `version` is how many changes there were with it: of the shared store where it came from there, else of this log.
    """

    change: ch.AnyChange
    version: int
    at: float
    actor: str
    reason: str
    incident: str | None
    expires: float | None


Found = dict[Any, Measure]


class State:
    """The measures that some changes come to.

    Attributes:
        version: how many records of the control log it is the state after.
        shared: the last version of the shared store that is in it; 0: none.
        blocks: by kind and value.
        active: by model, the version.
        isolated: by model.
        offline: by model, None for all models.
        rules: by id.
        disabled: by the id of a rule.
        bundle: the rules in force instead of the configured ones, under None.
        limits: by kind of subject, subject, and what is limited.
        operators: by name.
        next_expiry: when (seconds since the epoch) the next of them is over.
    """

    def __init__(self) -> None:
        self.version = 0
        self.shared = 0
        self.blocks: dict[tuple[str, str], Measure] = {}
        self.active: dict[str, Measure] = {}
        self.isolated: dict[str, Measure] = {}
        self.offline: dict[str | None, Measure] = {}
        self.rules: dict[str, Measure] = {}
        self.disabled: dict[str, Measure] = {}
        self.bundle: dict[None, Measure] = {}
        self.limits: dict[tuple[str, str | None, str], Measure] = {}
        self.operators: dict[str, Measure] = {}
        self.next_expiry = inf

    def take(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Take changes in their order; those that are none, or of a later program, are passed over."""
        for record in records:
            self.version = record["seq"] + 1
            store = record.get("store")
            if isinstance(store, int):
                self.shared = store
            change = _change(record)
            if change is not None:
                self.put(_measure(record, change, self.version))

    def put(self, measure: Measure) -> None:
        """Take one change, at its place in the order."""
        self._take(measure.change, measure)
        if measure.expires is not None:
            self.next_expiry = min(self.next_expiry, measure.expires)

    def drop_expired(self, now: float) -> None:
        """Forget what is over by now."""
        self.next_expiry = inf
        for found in self._all():
            for key in [key for key, one in found.items() if one.expires is not None and one.expires <= now]:
                del found[key]
            times = [one.expires for one in found.values() if one.expires is not None]
            self.next_expiry = min(self.next_expiry, min(times, default=inf))

    def in_force(self) -> Iterator[Measure]:
        """Every measure in force."""
        for found in self._all():
            yield from found.values()

    def measures(self) -> Measures:
        """The same as a value."""
        bundle = self.bundle.get(None)
        return Measures(
            self.version,
            tuple(_block(one) for one in self.blocks.values()),
            tuple((model, one.change.version) for model, one in self.active.items()),  # type: ignore[union-attr, misc]
            frozenset(self.isolated),
            tuple(_rule(one) for one in self.rules.values()),
            frozenset(self.offline),
            tuple(_limit(one) for one in self.limits.values()),
            frozenset(self.disabled),
            bundle.change.bundle if bundle is not None else None,  # type: ignore[union-attr]
        )

    def _all(self) -> tuple[Found, ...]:
        return (
            self.blocks, self.active, self.isolated, self.offline, self.rules, self.disabled, self.bundle, self.limits,
            self.operators,
        )  # fmt: skip

    def _take(self, change: ch.AnyChange, measure: Measure) -> None:
        match change:
            case ch.Block(kind=kind, value=value):
                self.blocks[kind, value] = measure
            case ch.Unblock(kind=kind, value=value):
                self.blocks.pop((kind, value), None)
            case ch.Switch(model=model, version=version):
                _put(self.active, model, measure if version is not None else None)
            case ch.Isolate(model=model):
                self.isolated[model] = measure
            case ch.Offline(model=model):
                self.offline[model] = measure
            case ch.Online(model=None):
                self.isolated.clear()
                self.offline.clear()
            case ch.Online(model=str(model)):
                self.isolated.pop(model, None)
                self.offline.pop(model, None)
            case ch.AddOperator(name=name):
                self.operators[name] = measure
            case ch.RemoveOperator(name=name):
                self.operators.pop(name, None)
            case ch.SetLimit(per=per, subject=subject, what=what):
                self.limits[per, subject, what] = measure
            case ch.RemoveLimit(per=per, subject=subject, what=what):
                for key in [key for key in self.limits if key[:2] == (per, subject) and what in (None, key[2])]:
                    del self.limits[key]
            case _:
                self._take_rules(change, measure)

    def _take_rules(self, change: ch.AnyChange, measure: Measure) -> None:
        match change:
            case ch.AddRule(id=id_):
                self.rules[id_] = measure
            case ch.RemoveRule(id=id_):
                self.rules.pop(id_, None)
            case ch.DisableRule(id=id_):
                self.disabled[id_] = measure
            case ch.EnableRule(id=id_):
                self.disabled.pop(id_, None)
            case ch.PushRules(bundle=bundle):
                _put(self.bundle, None, measure if bundle is not None else None)


def _put(found: dict[Any, Measure], key: object, measure: Measure | None) -> None:
    if measure is None:
        found.pop(key, None)
    else:
        found[key] = measure


def _change(record: Mapping[str, Any]) -> ch.AnyChange | None:
    try:
        change = ch.read_change(record.get("change"))
    except ch.ChangeError:
        return None
    return None if isinstance(change, ch.Block) and change.kind == "ip" and not _is_network(change.value) else change


def _is_network(value: str) -> bool:
    try:
        ip_network(value)
    except ValueError:
        return False
    return True


def _block(one: Measure) -> Block:
    change = one.change
    assert isinstance(change, ch.Block)
    return Block(change.kind, change.value, one.reason, change.simulated)


def _rule(one: Measure) -> AddedRule:
    change = one.change
    assert isinstance(change, ch.AddRule)
    text = change.regex if change.regex is not None else change.literal
    assert text is not None
    return AddedRule(change.id, change.target, text, change.regex is not None, change.shadow)


def _limit(one: Measure) -> AddedLimit:
    change = one.change
    assert isinstance(change, ch.SetLimit)
    return AddedLimit(change.per, change.subject, change.what, change.amount, change.burst)


def _measure(record: Mapping[str, Any], change: ch.AnyChange, version: int) -> Measure:
    at, expires, incident, store = (record.get(name) for name in ("at", "expires", "incident", "store"))
    return Measure(
        change,
        store if isinstance(store, int) else version,
        float(at) if isinstance(at, int | float) else 0.0,
        str(record.get("actor")),
        str(record.get("reason")),
        str(incident) if incident is not None else None,
        float(expires) if isinstance(expires, int | float) and not isinstance(expires, bool) else None,
    )
