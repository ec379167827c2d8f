"""A request that waits for what it needs of budgets that several nodes share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from guard.policy.held import Denied, Held


class Waiting:
    """A verdict that is not there yet."""

    __slots__ = ("_then", "verdict")

    def __init__(self) -> None:
        self.verdict: Denied | Held | None = None
        self._then: Callable[[Denied | Held], None] | None = None

    def when_known(self, then: Callable[[Denied | Held], None]) -> None:
        """Have it told, at once if it is there; only the last that asked for it is told."""
        if self.verdict is not None:
            then(self.verdict)
        else:
            self._then = then

    def settle(self, verdict: Denied | Held) -> None:
        """There it is."""
        self.verdict = verdict
        if self._then is not None:
            then, self._then = self._then, None
            then(verdict)
