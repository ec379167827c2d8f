"""What an exchange has of its limits while it lasts, or why it has none."""

from __future__ import annotations

from typing import NamedTuple

from guard.policy.allowance import Standing
from guard.policy.limits import REQUESTS, TOKENS, Limit
from guard.policy.places import Cells, Place


class Denied(NamedTuple):
    """Which limit a request is over, and in how many seconds it would not be."""

    limit: Limit
    retry_after: float


class Reserved:
    """Units of what is counted at a place that an exchange holds in a cell (None: no more), and how many of them it is
    known to have used.

    What is held is nobody else's, but counts as used only when it is: so what was not needed is there again at once,
    and what was is counted when it was.
    """

    __slots__ = ("cells", "index", "place", "units", "used")

    def __init__(self, place: Place, units: float) -> None:
        self.place = place
        self.units = units
        self.used = 0.0
        self.cells: Cells | None = place.cells
        self.index = place.index
        place.cells.hold(place.index, units)

    def let_go(self) -> None:
        """Keep nobody any more."""
        if self.cells is not None:
            self.cells.let_go(self.index, self.units)
            self.cells = None


class Held:
    """What an exchange has of its limits until it is over.

    Attributes:
        running: its place among those in progress, of each limit that counts these.
        reserved: what it is thought to need of tokens and cost, or has used so far.
        requests: how its caller stood with the tightest limit on requests.
        tokens: and on tokens.
    """

    __slots__ = ("requests", "reserved", "running", "tokens")

    def __init__(self) -> None:
        self.running: list[Reserved] = []
        self.reserved: list[Reserved] = []
        self.requests: Standing | None = None
        self.tokens: Standing | None = None

    def deny(self, denied: Denied) -> None:
        """Note how its caller stands with the limit that it is over."""
        limit, wait = denied
        if limit.kind == REQUESTS:
            self.requests = limit, 0.0, wait
        elif limit.kind == TOKENS:
            self.tokens = limit, 0.0, wait

    def see(self, limit: Limit, ahead: float) -> None:
        """Note how its caller stands with a limit, by how many seconds the TAT is ahead of the clock."""
        left = (limit.span - ahead) / limit.interval
        if limit.kind == REQUESTS:
            if self.requests is None or left < self.requests[1]:
                self.requests = limit, left, ahead
        elif limit.kind == TOKENS and (self.tokens is None or left < self.tokens[1] or limit is self.tokens[0]):
            self.tokens = limit, left, ahead
