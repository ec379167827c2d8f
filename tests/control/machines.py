"""Machines that share changes through a real store, step by step, with what may go wrong between two steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from guard.config import Store
from guard.control import note
from guard.control.follower import Follower
from guard.custody import control
from guard.custody.measures import State
from guard.store.changes import Changes
from guard.store.connection import Connection
from guard.store.errors import StoreError


class Line(Connection):
    """A connection that breaks when it is told to: at its so manieth script from now on, before it or after."""

    breaks_in = 0
    late = False

    def run(self, script, keys, arguments=()):
        self.breaks_in -= 1
        if self.breaks_in == 0 and not self.late:
            raise StoreError("broken before")
        answer = super().run(script, keys, arguments)
        if self.breaks_in == 0:
            raise StoreError("broken after", unsure=True)
        return answer


class Machine:
    """One machine: its folders, its control log, its follower."""

    def __init__(self, state: Path, store: Store) -> None:
        self.state = state
        self.journal = state / "journal"
        self.journal.mkdir(parents=True, exist_ok=True)
        self.line = Line(store)
        self.changes = Changes(self.line)
        self.begin()

    def begin(self) -> None:
        """Start a follower, as a new process would."""
        self.marks: list[tuple[int, int]] = []
        self.follower = Follower(self.changes, self.state, self.journal, lambda *mark: self.marks.append(mark))

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
