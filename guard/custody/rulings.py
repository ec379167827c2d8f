"""What was decided about rules, and the way back to what was in force before: folds over the control log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from msgspec import Struct

from guard.changes import AnyChange, written
from guard.custody.measures import Measure, State

KINDS = frozenset({"push-rules", "add-rule", "remove-rule", "disable-rule", "enable-rule"})

Record = Mapping[str, Any]


class NoWayBackError(Exception):
    """There is nothing to go back to; the message says why."""


class Step(Struct, frozen=True):
    """A change that is part of the way back, until when it counts (None: until it is taken back), and in words."""

    change: dict[str, Any]
    expires: float | None
    told: str


class Way(NamedTuple):
    """The way back: to what version, by which steps, and what version of the control log they are made for."""

    to: int
    steps: list[Step]
    seen: int


def rulings(records: Iterable[Record]) -> Iterator[Record]:
    """The changes that are about rules."""
    return (record for record in records if kind_of(record) in KINDS)


def once(records: Iterable[Record]) -> list[Record]:
    """Each change once, at its last place: one made while the store was away is in the log again, as the store has it.

    Earlier programs gave changes no id; those stay.
    """
    found: dict[object, Record] = {}
    for number, record in enumerate(records):
        key = record.get("id") or number
        found.pop(key, None)
        found[key] = record
    return list(found.values())


def version_of(record: Record) -> int:
    """The version that a record has made: that of the shared store where it came from there, else of this log."""
    store = record.get("store")
    version: int = store if isinstance(store, int) else record["seq"] + 1
    return version


def way_back(records: Iterable[Record], to: int | None, now: float) -> Way:
    """How to have the rules again as they were at version `to`, or (None) before the last order that made a difference.

    What would be over by `now` (seconds since the epoch) is not brought back.

    Raises:
        NoWayBackError: there is no such version, or nothing to be changed.
    """
    found: list[Record] = []
    cut, seen = None, 0
    for record in records:
        if not seen and to is not None and to < version_of(record):
            cut = 0
        seen = record["seq"] + 1
        if kind_of(record) in KINDS:
            found.append(record)
        if version_of(record) == to:
            cut = len(found)
    if to is None:
        cut, to = _before_last(found, now)
    if cut is None:
        raise NoWayBackError(f"there is no version {to} in the control log")
    steps = list(_steps(_state(found, now), _state(found[:cut], now)))
    if not steps:
        raise NoWayBackError(f"the rules are as they were at version {to}")
    return Way(to, steps, seen)


def kind_of(record: Record) -> object:
    """The type of a record's change, as far as it has one."""
    change = record.get("change")
    return change.get("type") if isinstance(change, dict) else None


def _before_last(found: list[Record], now: float) -> tuple[int, int]:
    """How many records were there before the last order that made a difference, and their version.

    All changes of an order have one time.
    """
    if not found:
        raise NoWayBackError("no rules were pushed, added or disabled yet")
    last, then, cut = _state(found, now), State(), 0
    for number, record in enumerate(found):
        if number and _order(record) != _order(found[number - 1]) and any(_steps(last, then)):
            cut = number
        then.take([record])
        then.drop_expired(now)
    return cut, version_of(found[cut - 1]) if cut else 0


def _order(record: Record) -> tuple[object, ...]:
    return tuple(record.get(name) for name in ("at", "actor", "reason"))


def _state(records: list[Record], now: float) -> State:
    state = State()
    state.take(records)
    state.drop_expired(now)
    return state


def _steps(now: State, then: State) -> Iterator[Step]:
    """What makes the one into the other."""
    before, bundle = bundle_of(now), bundle_of(then)
    if before != bundle:
        yield Step(
            {"type": "push-rules", "bundle": bundle}, None, f"the rules are {named(bundle)}, not {named(before)}"
        )
    for id_ in now.rules.keys() - then.rules.keys():
        yield Step({"type": "remove-rule", "id": id_}, None, f"{id_} is removed")
    for id_, one in then.rules.items():
        if id_ not in now.rules or not _same(one, now.rules[id_]):
            yield Step(written(one.change), one.expires, f"{id_} is added")
    for id_ in now.disabled.keys() - then.disabled.keys():
        yield Step({"type": "enable-rule", "id": id_}, None, f"{id_} is enabled")
    for id_, one in then.disabled.items():
        if id_ not in now.disabled or not _same(one, now.disabled[id_]):
            yield Step(written(one.change), one.expires, f"{id_} is disabled")


def bundle_of(state: State) -> str | None:
    """The hash of the pushed rules in force; None: the configured ones are."""
    found = state.bundle.get(None)
    change: AnyChange | None = found.change if found is not None else None
    return getattr(change, "bundle", None)


def named(bundle: str | None) -> str:
    """Rules for people."""
    return bundle[:12] if bundle is not None else "the configured ones"


def _same(one: Measure, other: Measure) -> bool:
    return one.change == other.change and one.expires == other.expires
