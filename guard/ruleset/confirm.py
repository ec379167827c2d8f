"""Searching with a backtracking matcher that may not take long."""

from __future__ import annotations

from collections.abc import Callable

import regex

from guard.ruleset.pattern import Pattern

TIMEOUT = 0.02  # seconds for one pattern on one text


def searcher(pattern: Pattern) -> Callable[[str], bool]:
    """A function that says whether the pattern is found in a normalised text.

    A search that runs out of time counts as found: a text made to exhaust a rule must not get past it.
    """
    search = regex.compile(pattern.written("regex"), flags=regex.ASCII | regex.VERSION0).search

    def found(text: str) -> bool:
        try:
            return search(text, timeout=TIMEOUT) is not None
        except TimeoutError:
            return True

    return found
