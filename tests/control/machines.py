"""Machines that share changes through a real store, step by step, with what may go wrong between two steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from guard.config import Store
from guard.control import note
from guard.control.follower import Follower
from guard.custody import control
from guard.custody.measures import State
from guard.store.changes import BATCH, NOTHING, Changes
from guard.store.errors import StoreError
from guard.store.opening import opened


class Line(Changes):
    """The way to the changes that breaks when it is told to: when it is used so many times from now on, before or after
    the store has done what it is asked.
    """

    def __init__(self, changes: Changes) -> None:
        self.address = changes.address
        self.breaks_in = 0
        self.late = False
        self._changes = changes

    def add(self, entries, if_version=None, after=NOTHING):
        return self._use(lambda: self._changes.add(entries, if_version, after))

    def known(self, ids):
        return self._use(lambda: self._changes.known(ids))

    def read(self, after, count=BATCH):
        return self._use(lambda: self._changes.read(after, count))

    def wait(self, after, seconds):
        return self._changes.wait(after, seconds)

    def _use(self, work: Callable[[], Any]) -> Any:
        self.breaks_in -= 1
        if self.breaks_in == 0 and not self.late:
            raise StoreError("broken before")
        answer = work()
        if self.breaks_in == 0:
            raise StoreError("broken after", unsure=True)
        return answer


class Machine:
    """One machine: its folders, its control log, its follower."""

    def __init__(self, state: Path, store: Store) -> None:
        self.state = state
        self.journal = state / "journal"
        self.journal.mkdir(parents=True, exist_ok=True)
        self.store = opened(store, state)
        self.changes = self.line = self.store.changes = Line(self.store.changes)
        self.begin()

    def begin(self) -> None:
        """Start a follower, as a new process would."""
        self.marks: list[tuple[int, int]] = []
        self.follower = Follower(self.store, self.state, self.journal, lambda *mark: self.marks.append(mark))

    def restart(self, *, noted: bool) -> None:
        """End the follower in order and start another; or with what it had noted lost."""
        if noted:
            self.follower.finish()
        else:
            note.forget(self.state)
        self.begin()

    def order(self, change: dict[str, Any], **more: Any) -> dict[str, Any]:
        """A change into the machine's own log."""
        record = {**control.change_record(change, reason="r", actor="a"), **more}
        return control.append_all(self.journal, [record])[0]

    def step(self) -> bool:
        """One step; whether the store was there."""
        try:
            self.follower.step()
        except StoreError:
            return False
        return True

    def records(self) -> list[dict[str, Any]]:
        """The changes in its log."""
        return list(control.changes(self.journal))

    def ids(self) -> list[str]:
        """Those of the changes in its log."""
        return [record["id"] for record in self.records()]

    def in_force(self) -> set[Any]:
        """What its log comes to."""
        state = State()
        state.take(self.records())
        return {(one.change, one.at, one.actor, one.reason) for one in state.in_force()}
