"""How a node borrows from the budgets that several nodes share: values, and who is asked.

A unit is what a limit counts: a request, a token, one of the money that prices are told in, or a place among those in
progress at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol


class Ask(NamedTuple):
    """A wish for units of one budget, and what has become of earlier ones.

    Attributes:
        key: 32 hexadecimal digits for a limit and whom it holds, the same on every node.
        interval: seconds in which one unit comes back; 0: never by itself, it is held until it is given back.
        burst: units that may be taken at once at rest.
        need: units without which a request that waits cannot go on; 0: nobody waits.
        ahead: units wanted beyond that, for requests to come.
        spent: units that were spent without having been granted; the budget may fall below nothing by them.
        returned: units that were lent and are given back.
        held: units that were lent and are still there; what is neither held nor returned was spent. None:
            nothing is told of that, and nothing is asked ahead.
        at: nanoseconds of the node's clock, for asks that tell what is held, or keep what they need. Of the first a
            node sends one at a time for a budget, and one that comes after a later one says nothing.
        keeps: whether what is granted of `need` is not spent at once, but held like what is granted ahead; from when it
            is asked for to its answer it counts as held.
        open: how many of the units that are held were only asked for: they may have been granted by now, or not.
    """

    key: str
    interval: float
    burst: float
    need: float
    ahead: float
    spent: float
    returned: float
    held: float | None = None
    at: int = 0
    keeps: bool = False
    open: float = 0.0


class Grant(NamedTuple):
    """What became of an ask.

    Attributes:
        units: what was granted: nothing, or all that was needed and perhaps more.
        lasts: seconds from now in which the node may spend what it holds; what is left then counts as spent.
        full: seconds until the budget would be whole if nobody asked for more; of places among those in progress: one
            for each that others need more than this node.
        wait: seconds until what was needed would be there; 0 if it is.
        ahead: how many of the units are beyond the need.
        left: how many are left after that; less than nothing where more was used than there was.
    """

    units: float
    lasts: float
    full: float
    wait: float
    ahead: float = 0.0
    left: float = 0.0


Grants = Sequence[Grant]


class Lender(Protocol):
    """Whoever keeps the budgets that nodes share.

    Attributes:
        nodes: how many nodes share them, as far as is known (1: this one alone).
        events: what was asked so far and what came of it, counted; for the metrics.
        seconds: how long the last answer took.
    """

    nodes: int
    events: dict[str, int]
    seconds: float

    def ask(self, asks: Sequence[Ask], then: Callable[[Grants | None], None]) -> None:
        """Ask, and go on. `then` is called once, later, on the loop: with a grant for each, or None for no answer."""

    def close(self) -> None:
        """Ask for nothing more; what is open has no answer."""
