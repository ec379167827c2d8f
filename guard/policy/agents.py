"""User agents that are blocked by patterns: ``*`` stands for any characters, ``?`` for one, and case does not count.

A user agent is whatever a stranger likes to send, so of each only the beginning is looked at, what a pattern takes is
bounded by the two lengths multiplied, and patterns are asked only if some letters of theirs are there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from guard.wire.naming import AGENT_CHARACTERS

REMEMBERED = 4_096
LETTERS = 3
"""How many letters of a pattern are looked for before the pattern is."""

_WILD = re.compile(r"[*?]+")


class _Glob(NamedTuple):
    """A pattern as it was given, its words in lower case, and what fits it."""

    pattern: str
    words: tuple[str, ...]
    expression: re.Pattern[str]


class Agents:
    """An immutable set of patterns."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._whole: dict[str, str] = {}
        self._by_letters: dict[str, list[_Glob]] = {}
        self._others: list[_Glob] = []
        for pattern in patterns:
            self._take(pattern)
        # Most callers call again.
        self._remembered = lru_cache(REMEMBERED)(self._find)

    def find(self, agent: str) -> str | None:
        """A pattern that an agent fits, or None."""
        return self._remembered(agent[:AGENT_CHARACTERS])

    def _take(self, pattern: str) -> None:
        lowered = pattern.lower()
        words = tuple(filter(None, _WILD.split(lowered)))
        if words == (lowered,):
            self._whole[lowered] = pattern
            return
        one = _Glob(pattern, words, compiled(lowered))
        longest = max(words, key=len, default="")
        if len(longest) < LETTERS:
            self._others.append(one)
        else:
            self._by_letters.setdefault(longest[-LETTERS:], []).append(one)

    def _find(self, agent: str) -> str | None:
        agent = agent.lower()
        if agent in self._whole:
            return self._whole[agent]
        there = {agent[start : start + LETTERS] for start in range(len(agent) - LETTERS + 1)}
        candidates = [one for letters in self._by_letters.keys() & there for one in self._by_letters[letters]]
        for pattern, words, expression in candidates + self._others:
            if all(word in agent for word in words) and expression.fullmatch(agent):
                return pattern
        return None


@lru_cache(REMEMBERED)
def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern as a regular expression that never goes back: what comes behind a ``*`` is taken where it first fits,
    which is right whenever another place would be.
    """
    first, *rest = (
        "".join("." if letter == "?" else re.escape(letter) for letter in part) for part in pattern.split("*")
    )
    if not rest:
        return re.compile(first, re.DOTALL)
    *middle, last = rest
    return re.compile(first + "".join(f"(?>.*?{part})" for part in middle if part) + f".*{last}", re.DOTALL)
