"""The desk: where orders are taken, whoever gives them, by the API or on this machine.

An order is one change or several, which are placed together or not at all. It is held against the configuration and
against what is in force, put into its one spelling, placed where it counts, and waited for until it is in force: on
this machine, and where several share a store on all of them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, time
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import to_builtins

from guard.changes import AnyChange, DisableRule, PushRules, VersionError, shown, written
from guard.config import Config
from guard.control.checks import checked
from guard.control.effect import effect, missing, standing, takes_back
from guard.control.errors import OrderError
from guard.control.force import Force, in_force, patience_for
from guard.control.repeats import ids_of
from guard.custody.control import Pen, change_record
from guard.custody.measures import Measure, State
from guard.custody.rulings import bundle_of
from guard.custody.snapshot import FILE, anew, restore
from guard.custody.tail import Tail
from guard.proof.node import node_name

if TYPE_CHECKING:
    from guard.control.placing import Placing
    from guard.control.sharing import Sharing

FURTHEST_SECONDS = 100 * 365 * 86_400.0
"""For how long a measure may be taken: what is longer is a mistake."""


class Planned(NamedTuple):
    """A change of an order, an object with its ``type``; what is said of it by itself comes before what the order says.

    `expires` is when it is over by itself, in seconds since the epoch.
    """

    change: Mapping[str, Any]
    reason: str | None = None
    incident: str | None = None
    expires: float | None = None


class Order(NamedTuple):
    """What is to be changed, by whom (None: whoever runs this process) and why.

    With `if_version` it is placed only if that is the version now. `mark` is what it is known by if it is given again:
    another for every order; None: it is not given again.
    """

    changes: Sequence[Planned]
    reason: str
    actor: str | None = None
    incident: str | None = None
    expires: float | None = None
    if_version: int | None = None
    mark: str | None = None


class Placed(NamedTuple):
    """An order that was placed: its records, the version with it, and how far it is in force.

    `trouble` says why other machines do not have it yet; empty: they do, or there are none.
    """

    records: list[dict[str, Any]]
    version: int
    force: Force
    trouble: str = ""


Checked = list[tuple[AnyChange, dict[str, Any]]]
"""Changes in their one spelling, as values and as they are to be written."""


class Desk:
    """Takes orders for one machine's state folder. Safe to be used from several threads.

    Attributes:
        config: what names are held against; to be replaced when it was read again.
        sharing: what exchanges changes with other machines; None: nothing in this process does, and orders go into this
            machine's own log, from where they are shared by who does.
    """

    def __init__(self, config: Config, sharing: Sharing | None = None) -> None:
        self.config = config
        self.sharing = sharing
        self.folder = Path(config.state)
        self.journal = self.folder / config.journal.dir
        self._tail = Tail(self.journal)
        self._pen: Pen | None = None
        self._state: State | None = None
        self._whole = True
        self._followed = 0
        self._lock = threading.RLock()

    @contextmanager
    def state(self) -> Iterator[State]:
        """What is in force now. It is nobody else's to change while the context lasts.

        Raises:
            ControlError: the control log cannot be relied on.
            OSError: it cannot be read.
        """
        with self._lock:
            now = time()
            if self._state is not None and self._state.forgot_too_much(now):
                self._tail, self._state = anew(self.journal)
            if self._state is None:
                self._state = restore(self.folder / FILE, self._tail)
            # Asked first: what is read then has all of that.
            self._followed = self.sharing.version if self.sharing is not None else 0
            if self._tail.grown() or not self._whole:
                self._whole = False
                self._state.read(self._tail.lines())
                self._whole = True
            if now >= self._state.next_expiry:
                self._state.drop_expired(now)
            yield self._state

    def version(self, state: State) -> int:
        """The version that orders are for: of the newest change in the store that was followed.

        What is passed over there is in no log, and what this machine has given to a store that it shares has no number
        in its own. Where nothing here follows a store of its own, that will take the numbers that the log has.
        """
        if self.config.store.url is not None:
            return self._followed or state.shared
        # What is followed is in the log a moment before that is known.
        return max(self._followed, state.shared) if self._followed else state.last

    def stamp(self, state: State) -> str:
        """The same, and how many records this machine's log has, for it may have changed without the store."""
        return f"{self.version(state)}.{state.version}"

    def check(self, order: Order) -> Checked:
        """Hold an order against the configuration, and what is to be taken back against what there is.

        Raises:
            OrderError: it cannot be taken.
            ControlError, OSError: what is in force cannot be told, and it matters.
        """
        if not order.changes:
            raise OrderError("changes", "there is no change in it", "at least one")
        if not order.reason.strip():
            raise OrderError("reason", "it is empty", "why, for whoever reads the control log")
        _check_end(order.expires)
        found: Checked = []
        for place_, planned in enumerate(order.changes):
            try:
                _check_end(planned.expires)
                change = checked(planned.change, self.config)
                self._check_there(change, found)
            except OrderError as error:
                raise (error.within(f"changes[{place_}]") if len(order.changes) > 1 else error) from None
            found.append((change, {name: value for name, value in written(change).items() if name in planned.change}))
        return found

    def preview(self, order: Order) -> list[dict[str, Any]]:
        """What an order would do, change by change: its `effect`, and what is in force `now` in that place.

        Raises:
            OrderError: it cannot be taken.
            ControlError, OSError: what is in force cannot be told.
        """
        told = []
        for change, words in self.check(order):
            with self.state() as state:
                found = standing(state, change)
                told.append({"change": shown(words), "effect": effect(found, change), "now": found and _now(found)})
        return told

    def place(self, order: Order, patience: float | None = None) -> Placed:
        """Place an order, and wait until it is in force.

        Raises:
            OrderError: it cannot be taken.
            VersionError: the version is another than it was made for.
            StoreError: it is for a version, and the store cannot be asked.
            ControlError, OSError, ValueError: it cannot be written down.
        """
        began = monotonic()
        records = _records(order, self.check(order))
        kinds = frozenset(record["change"]["type"] for record in records)
        patience = patience_for(kinds, len(records)) if patience is None else patience
        if self.sharing is None:
            placed = self._place_here(order, records, kinds, patience)
        else:
            placed = self._placing(self.sharing).place(records, order.if_version, kinds, patience)
        return placed._replace(force=placed.force._replace(seconds=monotonic() - began))

    def placed(self, mark: str | None, count: int, patience: float | None = None) -> Placed | None:
        """The order of so many changes with that mark, if it was given before, whoever has heard of that; None: nothing
        is known of it.

        Raises:
            ControlError, OSError: the log cannot be read.
        """
        if mark is None or self.sharing is None:
            return None
        return self._placing(self.sharing).again(mark, count, patience)

    def _place_here(
        self, order: Order, records: list[dict[str, Any]], kinds: frozenset[str], patience: float
    ) -> Placed:
        if order.if_version is not None and self.config.store.url is not None:
            raise OrderError("if_version", "only the store knows the version, and no control process asks it now")
        written_ = self._write(records, order.if_version)
        version = written_[-1]["seq"] + 1
        force = in_force(self.folder, self.journal, version, kinds, patience)
        return Placed(written_, version, force)

    def _placing(self, sharing: Sharing) -> Placing:
        from guard.control.placing import Placing

        return Placing(self.config, sharing)

    def _write(self, records: list[dict[str, Any]], if_version: int | None) -> list[dict[str, Any]]:
        """Write into this machine's log, from where it comes into the store."""
        # The folder, and with it this machine's name, need not be there before there is something to write.
        self._pen = self._pen or Pen(self.journal, node_name(self.folder))
        while if_version is not None:
            with self.state() as state:
                version, seen = self.version(state), state.version
            if version != if_version:
                raise VersionError(version, if_version)
            with suppress(VersionError):  # there is another record since, which may be no change
                return self._pen.write(records, seen)
        return self._pen.write(records)

    def _check_there(self, change: AnyChange, before: Checked) -> None:
        """See that there is what is to be taken back, or made use of: it is in force, or comes with this order."""
        if isinstance(change, DisableRule | PushRules):
            self._check_rules(change, before)
        if not takes_back(change) or not (trouble := missing(change)):
            return
        if standing(_state_of(before), change) is not None:
            return
        with self.state() as state:
            if standing(state, change) is None:
                raise OrderError("", trouble, missing=True)

    def _check_rules(self, change: DisableRule | PushRules, before: Checked) -> None:
        from guard.custody.bundles import Shelf
        from guard.custody.present import GoneError, present

        shelf = Shelf(self.folder)
        if isinstance(change, PushRules):
            name = change.bundle
            if name is not None and shelf.get(name) is None and shelf.ready(name) is None:
                raise OrderError("bundle", f"the rules {name} are not on this machine; push them again", missing=True)
            return
        if any(isinstance(one, PushRules) for one, _ in before):
            return  # which rules there are then, is for who put the order together to know
        with self.state() as state:
            bundle, found = bundle_of(state), change.id in {*state.rules, *_state_of(before).rules}
        try:
            found = found or any(one.rule.id == change.id for one in present(self.config.rules, shelf, bundle))
        except GoneError as error:
            raise OrderError("", str(error), missing=True) from None
        if not found:
            what = f"there is no rule {change.id} in force; `guard rules list` tells which there are"
            raise OrderError("id", what, missing=True)


def _now(measure: Measure) -> dict[str, Any]:
    """A measure in force, as it is told."""
    plain: dict[str, Any] = to_builtins(measure)
    return {**plain, "change": shown(plain["change"])}


def _check_end(expires: float | None) -> None:
    if expires is not None and not 0 < expires - time() < FURTHEST_SECONDS:
        raise OrderError("expires", f"{expires!r} is no time to come", "seconds since the epoch, after now")


def _records(order: Order, found: Checked) -> list[dict[str, Any]]:
    """The records of an order. All have one time, so that whoever reads the log sees them as one order."""
    at = time()
    ids = ids_of(order.mark, len(found))
    records = []
    for planned, (_, words), id_ in zip(order.changes, found, ids, strict=True):
        record = change_record(
            words,
            reason=planned.reason or order.reason,
            actor=order.actor,
            incident=planned.incident or order.incident,
            expires=planned.expires if planned.expires is not None else order.expires,
            id_=id_,
        )
        records.append(record | {"at": at})
    return records


def _state_of(before: Checked) -> State:
    """What the changes that come before in an order come to by themselves."""
    state = State()
    state.take({"seq": number, "change": written(change)} for number, (change, _) in enumerate(before))
    return state
