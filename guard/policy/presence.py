"""Whether the store is there: it is *away* while it does not answer in time, and then nobody waits for it."""

from __future__ import annotations

import asyncio
from time import monotonic

from guard.lending import Grants, Lender

PROBE_SECONDS = 0.05
PROBES_SECONDS = 1.0
"""A store that is away is asked for first soon, then half as often each time, and at last every second."""


class Presence:
    """What a worker knows of that.

    Attributes:
        patience: seconds that a request waits for the store; what takes longer to answer is not back.
        away: whether the store does not answer in time.
        times: how often it went away.
    """

    def __init__(self, lender: Lender, patience: float) -> None:
        self.patience = patience
        self.away = False
        self.times = 0
        self._lender = lender
        self._is_closed = False

    def close(self) -> None:
        """Ask for it no more."""
        self._is_closed = True

    def lose(self) -> None:
        """It did not answer, or too late: nobody waits for it until it does."""
        if not self.away:
            self.away = True
            self.times += 1
            self._probe_later(PROBE_SECONDS)

    def _probe_later(self, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self._probe, seconds)

    def _probe(self, waited: float) -> None:
        sent = monotonic()

        def then(grants: Grants | None) -> None:
            if grants is None or monotonic() - sent > self.patience:
                self._probe_later(min(2 * waited, PROBES_SECONDS))
            else:
                self.away = False

        if not self._is_closed:
            self._lender.ask([], then)
