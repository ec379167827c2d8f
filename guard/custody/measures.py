"""The measures in force: a fold over the control log.

The last change on a thing counts, and one with `expires` (seconds since the epoch) is over then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import inf
from sys import intern
from typing import Any, Literal

from msgspec import Struct
from msgspec.json import Decoder

from guard import changes as ch
from guard.custody.control import parsed
from guard.custody.ends import Ends, Place
from guard.custody.offences import Offences
from guard.measures import AddedLimit, AddedRule, Block, Measures
from guard.policy.callers import Callers
from guard.wire.networks import stretch

FEW_ENDS = 1_000
STEP_SECONDS = 1.0
"""By how much a clock may be set back without anybody minding."""


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
        shared: the last version of the store that is in it; 0: none.
        last: the version that the last change has made: of the store if it came from there, else of this log.
        blocks: by kind and value.
        active: by model, the version.
        isolated: by model.
        offline: by model, None for all models.
        rules: by id.
        disabled: by the id of a rule.
        bundle: the rules in force instead of the configured ones, under None.
        limits: by kind of subject, subject, and what is limited.
        operators: by name.
        offences: how often whom was blocked lately, whether or not that is over.
        next_expiry: when (seconds since the epoch) the next of them is over, at the earliest.
        forgotten: until when what was forgotten as over counted, at the latest; 0: nothing was.
    """

    def __init__(self) -> None:
        self.version = 0
        self.shared = self.last = 0
        self.blocks: dict[tuple[str, str], Measure] = {}
        self.active: dict[str, Measure] = {}
        self.isolated: dict[str, Measure] = {}
        self.offline: dict[str | None, Measure] = {}
        self.rules: dict[str, Measure] = {}
        self.disabled: dict[str, Measure] = {}
        self.bundle: dict[None, Measure] = {}
        self.limits: dict[tuple[str, str | None, str], Measure] = {}
        self.operators: dict[str, Measure] = {}
        self.offences = Offences()
        self.next_expiry = inf
        self.forgotten = 0.0
        self._ends = Ends()
        self._callers = Callers()
        self._altered: dict[tuple[str, str], None] | None = None

    def read(self, lines: Iterable[bytes]) -> None:
        """Take the changes among some lines of the control log, in their order.

        Raises:
            ControlError: a line is no JSON.
        """
        for line in lines:
            try:
                one = _usual(line)
            except (ValueError, RecursionError):
                self.take(record for record in (parsed(line),) if record.get("kind") == "change")
                continue
            self.version = one.seq + 1
            self.shared = one.store if one.store is not None else self.shared
            self.last = one.store if one.store is not None else self.version
            if one.change.kind != "ip" or _is_network(one.change.value):
                self.put(_measured(one, self.version))

    def take(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Take changes in their order; those that are none, or of a later program, are passed over."""
        for record in records:
            self.version = record["seq"] + 1
            store = record.get("store")
            change = _change(record)
            if isinstance(store, int):
                self.shared = self.last = store
            elif change is not None:
                self.last = self.version
            if change is not None:
                self.put(_measure(record, change, self.version))

    def put(self, measure: Measure) -> None:
        """Take one change, at its place in the order."""
        found, key = self._take(measure.change, measure)
        if measure.expires is not None and found is not None:
            self._ends.add(measure.expires, (found, key))
            self.next_expiry = self._ends.next

    def drop_expired(self, now: float, most: float = inf) -> None:
        """Forget what is over by now, so much of it at most."""
        for time, place in self._ends.due(now, most):
            if _counts(time, place):
                found, key = place
                del found[key]
                self.forgotten = max(self.forgotten, time)
                if found is self.blocks:
                    self._alter(key)
        if len(self._ends) > FEW_ENDS + 2 * sum(map(len, self._all())):
            self._ends.keep(_counts)
        self.next_expiry = self._ends.next

    def forgot_too_much(self, now: float) -> bool:
        """Whether the clock has gone back, so that what was forgotten is not over yet: the log has it still."""
        return now < self.forgotten - STEP_SECONDS

    def in_force(self) -> Iterator[Measure]:
        """Every measure in force."""
        for found in self._all():
            yield from found.values()

    def measures(self) -> Measures:
        """The same as a value; it takes the time that blocks need which were altered since the last one was made."""
        bundle = self.bundle.get(None)
        altered = self.blocks if self._altered is None else self._altered
        self._callers = self._callers.changed({key: _block(self.blocks.get(key)) for key in altered})
        self._altered = {}
        return Measures(
            self.version,
            self._callers,
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

    def _take(self, change: ch.AnyChange, measure: Measure) -> tuple[Found | None, Any]:
        """Take a change; gives where its measure is kept now, and as what, if it is."""
        match change:
            case ch.Block(kind=kind, value=value):
                if change.offence and not change.simulated:
                    self.offences.add(kind, value, measure.at)
                caller = kind, value
                self.blocks[caller] = measure
                self._alter(caller)
                return self.blocks, caller
            case ch.Unblock(kind=kind, value=value):
                if self.blocks.pop((kind, value), None) is not None:
                    self._alter((kind, value))
            case ch.Switch(model=model, version=version):
                return _put(self.active, model, measure if version is not None else None)
            case ch.Isolate(model=model):
                return _put(self.isolated, model, measure)
            case ch.Offline(model=model):
                return _put(self.offline, model, measure)
            case ch.Online(model=None):
                self.isolated.clear()
                self.offline.clear()
            case ch.Online(model=str(model)):
                self.isolated.pop(model, None)
                self.offline.pop(model, None)
            case ch.AddOperator(name=name):
                return _put(self.operators, name, measure)
            case ch.RemoveOperator(name=name):
                self.operators.pop(name, None)
            case ch.SetLimit(per=per, subject=subject, what=what):
                return _put(self.limits, (per, subject, what), measure)
            case ch.RemoveLimit(per=per, subject=subject, what=what):
                for key in [key for key in self.limits if key[:2] == (per, subject) and what in (None, key[2])]:
                    del self.limits[key]
            case _:
                return self._take_rules(change, measure)
        return None, None

    def _alter(self, key: tuple[str, str]) -> None:
        """A block is to be made anew, where somebody has asked for the measures as a value."""
        if self._altered is not None:
            self._altered[key] = None

    def _take_rules(self, change: ch.AnyChange, measure: Measure) -> tuple[Found | None, Any]:
        match change:
            case ch.AddRule(id=id_):
                return _put(self.rules, id_, measure)
            case ch.RemoveRule(id=id_):
                self.rules.pop(id_, None)
            case ch.DisableRule(id=id_):
                return _put(self.disabled, id_, measure)
            case ch.EnableRule(id=id_):
                self.disabled.pop(id_, None)
            case ch.PushRules(bundle=bundle):
                return _put(self.bundle, None, measure if bundle is not None else None)
        return None, None


class _Usual(Struct, frozen=True, gc=False):
    """Almost every record of a long log, as the guard writes it; what is otherwise in any way is read with patience."""

    kind: Literal["change"]
    seq: int
    at: float
    actor: str
    reason: str
    change: ch.Block | ch.Unblock
    incident: str | None = None
    expires: float | None = None
    store: int | None = None


_usual = Decoder(_Usual).decode


def _measured(one: _Usual, version: int) -> Measure:
    incident = intern(one.incident) if one.incident is not None else None
    words = intern(one.actor), intern(one.reason), incident
    return Measure(one.change, one.store if one.store is not None else version, one.at, *words, one.expires)


def _counts(time: float, place: Place) -> bool:
    """Whether what is over then is still what is kept there; another measure may be in its place."""
    found, key = place
    one = found.get(key)
    return one is not None and one.expires == time


def _put(found: Found, key: object, measure: Measure | None) -> tuple[Found | None, Any]:
    if measure is None:
        found.pop(key, None)
        return None, None
    found[key] = measure
    return found, key


def _change(record: Mapping[str, Any]) -> ch.AnyChange | None:
    try:
        return fit_change(record)
    except ch.ChangeError:
        return None


def fit_change(record: Mapping[str, Any]) -> ch.AnyChange:
    """The change of a record, if it can be put in force. Orders were held against that; what others write into a store
    was not.

    Raises:
        ChangeError: it cannot be; it may be of a later program.
    """
    change = ch.read_change(record.get("change"))
    match change:
        case ch.Block(kind="ip", value=value) if not _is_network(value):
            raise ch.ChangeError(f"{value[:64]!r} is no network")
        case ch.SetLimit(what=what, amount=amount) if ch.AMOUNTS[what].fullmatch(amount) is None:
            raise ch.ChangeError(f"{amount[:64]!r} is no amount of {what}")
    return change


def _is_network(value: str) -> bool:
    try:
        stretch(value)
    except ValueError:
        return False
    return True


def _block(one: Measure | None) -> Block | None:
    if one is None:
        return None
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
        # A list that was imported has the same words a hundred thousand times.
        intern(str(record.get("actor"))),
        intern(str(record.get("reason"))),
        intern(str(incident)) if incident is not None else None,
        float(expires) if isinstance(expires, int | float) and not isinstance(expires, bool) else None,
    )
