"""The rules that changes name, where those changes are: in the store before them, and on this machine with them.

No change waits for rules, for it may be a block that comes behind them: what cannot be had or offered now is tried
again, and the workers keep their last good rules until they have them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from guard.custody.bundles import Shelf
from guard.faults import Faults
from guard.store.bundles import Bundles
from guard.store.errors import StoreError

EXCHANGE = "exchanging rules that were pushed with other machines"

logger = logging.getLogger("guard.control")


class Parcels:
    """What this machine has to get from the store, and to give it.

    Attributes:
        lacking: the hash of the newest rules that this machine lacks; None: it has them.
        owing: the hashes of those that the store lacks.
    """

    def __init__(self, bundles: Bundles, shelf: Shelf) -> None:
        self._bundles = bundles
        self._shelf = shelf
        self._faults = Faults(logger)
        self.lacking: str | None = None
        self.owing: set[str] = set()

    def begin(self, name: str | None) -> None:
        """The rules with that hash are in force (None: none that were pushed); who was here before may not have seen to
        them.
        """
        if name is not None:
            self.lacking = name
            self.owing.add(name)

    def fetch(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Get the rules that these changes, which are not in the log yet, put in force; of several the newest."""
        for name in named(records):
            self.lacking = name
        self.again()

    def offer(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Give the store the rules that these changes, which it does not have yet, put in force."""
        self.owing.update(named(records))
        self.again()

    def again(self) -> None:
        """Try again what did not go well; what does not go well now is told, and kept for the next time."""
        try:
            for name in sorted(self.owing):
                give(self._bundles, self._shelf, name)
                self.owing.discard(name)
            if self.lacking is not None and self._get(self.lacking):
                self.lacking = None
        except (StoreError, OSError) as error:
            self._faults.tell(EXCHANGE, str(error))
        else:
            self._faults.over(EXCHANGE)

    def _get(self, name: str) -> bool:
        """Whether the rules are here."""
        if self._shelf.get(name) is not None:
            return True
        data = self._bundles.get(name)
        if data is not None:
            self._shelf.put(name, data)
        return data is not None


def give(bundles: Bundles, shelf: Shelf, name: str) -> None:
    """Offer the rules with that hash to all machines, if they are here.

    Raises:
        StoreError: the store does not take them.
        OSError: they cannot be read.
    """
    data = shelf.get(name)
    if data is not None:
        bundles.put(name, data)


def named(records: Iterable[Mapping[str, Any]]) -> list[str]:
    """The hashes of the rules that changes put in force."""
    found = [record.get("change") for record in records]
    changes = [change for change in found if isinstance(change, dict) and change.get("type") == "push-rules"]
    return [name for change in changes if isinstance(name := change.get("bundle"), str)]
