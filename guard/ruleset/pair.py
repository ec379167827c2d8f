"""Two matchers as one: rules that were compiled before, and a few that came since and had to be in force at once."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from guard.ruleset.rule import Rule


class Stream(Protocol):
    """One text in pieces; see `guard.ruleset.stream.MatchStream`."""

    @property
    def releasable(self) -> int:
        """How many raw characters can be let go."""

    def feed(self, text: str) -> tuple[Rule, ...]:
        """The rules newly matched by the next piece."""

    def close(self) -> tuple[Rule, ...]:
        """The rules newly matched because the text ends here."""


class Matching(Protocol):
    """All rules of one target; see `guard.ruleset.matcher.Matcher`."""

    @property
    def rules(self) -> tuple[Rule, ...]:
        """In order."""

    @property
    def empty(self) -> bool:
        """There is nothing to look for."""

    def scan(self, text: str) -> tuple[Rule, ...]:
        """The rules that match a whole text."""

    def stream(self) -> Stream:
        """A new text in pieces."""

    def without(self, ids: Collection[str]) -> Matching:
        """The same but for rules with these ids."""


class Pair:
    """Finds what either of two matchers finds."""

    def __init__(self, first: Matching, second: Matching) -> None:
        self.rules = first.rules + second.rules
        self.empty = first.empty and second.empty
        self._both = first, second

    def scan(self, text: str) -> tuple[Rule, ...]:
        """The rules that match a whole text, each once, in order."""
        first, second = self._both
        return first.scan(text) + second.scan(text)

    def stream(self) -> Stream:
        """A new text in pieces."""
        first, second = self._both
        return PairStream(first.stream(), second.stream())

    def without(self, ids: Collection[str]) -> Pair:
        """The same but for rules with these ids."""
        first, second = self._both
        return Pair(first.without(ids), second.without(ids))


class PairStream:
    """One text in pieces, for both; what one of them holds back is held back."""

    __slots__ = ("_both",)

    def __init__(self, first: Stream, second: Stream) -> None:
        self._both = first, second

    @property
    def releasable(self) -> int:
        """How many raw characters can be let go: those that both let go."""
        first, second = self._both
        return min(first.releasable, second.releasable)

    def feed(self, text: str) -> tuple[Rule, ...]:
        """The rules newly matched by the next piece."""
        first, second = self._both
        return first.feed(text) + second.feed(text)

    def close(self) -> tuple[Rule, ...]:
        """The rules newly matched because the text ends here."""
        first, second = self._both
        return first.close() + second.close()
