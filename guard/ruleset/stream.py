"""Rules against one text that comes in pieces, and how much of it may be let go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from guard.ruleset.automaton import Automaton
from guard.ruleset.engine import TextStream
from guard.ruleset.hold import Hold
from guard.ruleset.normalise import Normaliser, normalise
from guard.ruleset.rule import Rule

NONE: tuple[Rule, ...] = ()


class Streaming(NamedTuple):
    """What all streams of a matcher share.

    Attributes:
        begin: begins a text in the engine.
        automaton: follows what enforced blocking rules look for; None: there is no such rule.
        limit: normalised characters over which it is followed.
        out: numbers of rules that are not to be told.
    """

    rules: tuple[Rule, ...]
    begin: Callable[[], TextStream]
    automaton: Automaton | None
    limit: int
    out: frozenset[int] = frozenset()


class MatchStream:
    """One text in pieces; the rules found are those of the whole text, however it is cut.

    Attributes:
        releasable: how many raw characters, counted from the beginning, can be let go: none of them belongs to a
            match of an enforced blocking rule that is still to come. It stands still once such a rule has matched.
            A match longer than what is held back (see `Bundle.warnings`) may have had its beginning let go.
    """

    __slots__ = ("_blocked", "_closed", "_found", "_hold", "_normaliser", "_streaming", "_text", "releasable")

    def __init__(self, streaming: Streaming | None) -> None:
        self.releasable = 0
        self._closed = False
        self._blocked = False
        self._streaming = streaming
        self._found: set[int] = set()
        if streaming is not None:
            self._normaliser = Normaliser()
            self._text = streaming.begin()
            automaton = streaming.automaton
            self._hold = None if automaton is None else Hold(automaton, streaming.limit)

    def feed(self, text: str) -> tuple[Rule, ...]:
        """The rules newly matched by the next piece of raw text. Raises `ValueError` after `close`."""
        if self._closed:
            raise ValueError("the stream is closed")
        if self._streaming is None:
            self.releasable += len(text)
            return NONE
        if not text:
            return NONE
        normalised = self._normaliser.feed(text)
        found = self._text.feed(normalised) if normalised else ()
        rules = self._new(found) if found else NONE
        if not self._blocked:
            # Never back: a character that was let go belonged to no match, even if it is now part of a longer segment.
            self.releasable = max(self.releasable, self._held_from(normalised))
        return rules

    def close(self) -> tuple[Rule, ...]:
        """The rules newly matched because the text ends here; frees what is held. A second call does nothing."""
        if self._closed:
            return NONE
        self._closed = True
        if self._streaming is None:
            return NONE
        normalised = self._normaliser.close()
        found = self._text.feed(normalised) if normalised else ()
        rules = self._new((*found, *self._text.close()))
        if not self._blocked:
            self.releasable = self._normaliser.fed
        return rules

    def _held_from(self, normalised: str) -> int:
        """The raw index from which the text must be held back, once `normalised` has been added to it."""
        normaliser, hold = self._normaliser, self._hold
        if hold is None:
            return normaliser.fed
        hold.feed(normalised)
        oldest = hold.oldest(normalise(normaliser.pending))
        return normaliser.fed if oldest is None else normaliser.raw(oldest)

    def _new(self, found: Sequence[int]) -> tuple[Rule, ...]:
        if self._streaming is None:
            return NONE
        new = sorted(set(found) - self._found - self._streaming.out)
        self._found.update(new)
        rules = self._streaming.rules
        matched = tuple([rules[number] for number in new])
        self._blocked = self._blocked or any(rule.blocks for rule in matched)
        return matched
