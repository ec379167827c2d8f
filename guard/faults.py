"""Telling of what goes wrong again and again: once when it begins or changes, and once when it is over."""

from __future__ import annotations

import logging


class Faults:
    """The faults there are now, by what they befell; told to a logger."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._told: dict[str, str] = {}

    def tell(self, where: str, what: str, level: int = logging.ERROR) -> None:
        """There is this fault there now."""
        if self._told.get(where) != what:
            self._told[where] = what
            self._logger.log(level, "%s: %s", where, what)

    def over(self, where: str) -> None:
        """There is none there any more."""
        if self._told.pop(where, None) is not None:
            self._logger.info("%s: it goes on", where)
