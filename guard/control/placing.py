"""Placing orders where a control process follows the store: there, or if it does not take them in this machine's log.

An order is answered when the store still has it, and this machine has it in force; so nothing that was answered is lost
with the store.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from guard.config import Config
from guard.control.desk import Placed
from guard.control.force import Force, in_force, in_force_of_all, patience_for
from guard.control.order import place, place_aside
from guard.control.repeats import find
from guard.control.sharing import Sharing
from guard.proof.node import node_name
from guard.store.errors import StoreError


class Placing:
    """Places orders of one machine."""

    def __init__(self, config: Config, sharing: Sharing) -> None:
        self._config = config
        self._sharing = sharing
        self._store = sharing.store
        self._folder = Path(config.state)
        self._journal = self._folder / config.journal.dir

    def place(
        self, records: list[dict[str, Any]], if_version: int | None, kinds: AbstractSet[str], patience: float
    ) -> Placed:
        """Place changes of these kinds, and wait until they are in force.

        Raises:
            VersionError: the version is another than `if_version`.
            StoreError: they are for a version, and the store does not take them.
            ControlError, OSError, ValueError: they cannot be written down.
        """
        # Other machines, or whether the version is that one, are worth waiting for.
        waits = self._config.store.url is not None or if_version is not None
        if self._sharing.is_even(self._config.store.timeout if waits else 0.0):
            known = self._sharing.known
            placed = place(self._config, records, if_version, store=self._store, after=known)
        else:
            error = StoreError(f"the store {self._store.address}: it has not taken yet what was ordered before")
            placed = place_aside(self._config, records, if_version, error)
        if placed.where == "store":
            try:
                force = self._everywhere(placed.version, kinds, patience)
                self._check_kept(records)
                return Placed(records, placed.version, force)
            except StoreError as error:
                placed = place_aside(self._config, records, None, error)
        self._sharing.put_aside(placed.version)
        return Placed(records, placed.version, self._here(placed.version, kinds, patience), placed.trouble)

    def again(self, mark: str, count: int, patience: float | None) -> Placed | None:
        """The order of so many changes with that mark, if it was given before, and how far it is in force.

        Raises:
            ControlError, OSError: the log cannot be read.
        """
        found = find(mark, count, self._store.changes, self._journal, look=not self._sharing.is_even(0.0))
        if found is None:
            return None
        kinds = frozenset(record["change"]["type"] for record in found.records)
        patience = patience_for(kinds, count) if patience is None else patience
        force = (self._here if found.here else self._everywhere)(found.version, kinds, patience)
        return Placed(found.records, found.version, force)

    def _here(self, version: int, kinds: AbstractSet[str], patience: float) -> Force:
        return in_force(self._folder, self._journal, version, kinds, patience)

    def _everywhere(self, version: int, kinds: AbstractSet[str], patience: float) -> Force:
        return in_force_of_all(self._store.nodes, version, kinds, patience, node_name(self._folder))

    def _check_kept(self, records: list[dict[str, Any]]) -> None:
        """See that the store still has what it took: somebody may have emptied it before that came to any machine.

        Raises:
            StoreError: it does not, or there is no telling.
        """
        # It takes all of them in one step, or none.
        if not self._store.changes.known([records[-1]["id"]]).versions:
            raise StoreError(f"the store {self._store.address}: it took the order and has lost it")
