"""Telling of what goes wrong again and again: once when it begins or changes, and once when it is over."""

from __future__ import annotations

import logging

logger = logging.getLogger("guard.keeper")


class Faults:
    """The faults there are now, by what they befell."""

    def __init__(self) -> None:
        self._told: dict[str, str] = {}

    def tell(self, where: str, what: str, level: int = logging.ERROR) -> None:
        """There is this fault there now."""
        if self._told.get(where) != what:
            self._told[where] = what
            logger.log(level, "%s: %s", where, what)

    def over(self, where: str) -> None:
        """There is none there any more."""
        if self._told.pop(where, None) is not None:
            logger.info("%s: it goes on", where)
