"""Telling of what could not be read."""

from __future__ import annotations

import logging
from collections.abc import Callable

Note = Callable[[str], None]
"""Takes one sentence on something that could not be read."""

log: Note = logging.getLogger("guard.evidence").warning


MOST = 20
MORE = "there is more that could not be read; `guard log verify` tells what is wrong"


def once(note: Note, *, most: int = MOST) -> Note:
    """Tell each sentence once (a file that is read twice has the same damage twice), and no more than so many."""
    told: set[str] = set()

    def tell(sentence: str) -> None:
        if sentence not in told and len(told) <= most:
            note(sentence if len(told) < most else MORE)
            told.add(sentence)

    return tell
