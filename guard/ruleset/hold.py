"""How much of a text in pieces must be held back: what can still turn out to be the beginning of a match."""

from __future__ import annotations

from guard.ruleset.automaton import WORD_CHARACTERS, Automaton, State
from guard.ruleset.program import Side


class Hold:
    """Follows, through one normalised text, every place at which a match may have begun.

    Each place is a walk through the automaton's states. Two walks in the same state have the same future, and only
    the one that began first is kept; walks older than `limit` characters are given up.
    """

    __slots__ = ("_automaton", "_limit", "_other", "_start", "_walks", "_word", "at")

    def __init__(self, automaton: Automaton, limit: int) -> None:
        self._automaton = automaton
        self._limit = limit
        self._word = automaton.origin(Side.WORD)
        self._other = automaton.origin(Side.OTHER)
        self._start = automaton.origin(Side.EDGE)  # the state in which a walk begins at `at`
        self._walks: dict[State, int] = {}  # state: where its walk began; the oldest first
        self.at = 0

    def feed(self, text: str) -> None:
        """Follow the walks through the next characters, and begin one at each."""
        step, at, start, walks = self._automaton.step, self.at, self._start, self._walks
        for character in text:
            moved: dict[State, int] = {}
            for state, began in walks.items():
                to = state.moves.get(character) or step(state, character)
                if to.alive and to not in moved:
                    moved[to] = began
            to = start.moves.get(character) or step(start, character)
            if to.alive and to not in moved:
                moved[to] = at
            walks = moved
            start = self._word if character in WORD_CHARACTERS else self._other
            at += 1
        self.at, self._start, self._walks = at, start, walks
        while walks and next(iter(walks.values())) < at - self._limit:
            del walks[next(iter(walks))]

    def oldest(self, pending: str) -> int | None:
        """The position of the first character that may belong to a match to come; None: there is none.

        `pending` is the normalised form of what has come but may still be changed by marks. If it is one character,
        the text will go on with that character or, joined with marks, with one beyond ASCII: only walks that can take
        either count.
        """
        if not pending:
            return next(iter(self._walks.values()), None)
        if len(pending) > 1:
            return next(iter(self._walks.values()), self.at)
        for state, began in self._walks.items():
            if self._may_take(state, pending):
                return began
        return self.at if self._may_take(self._start, pending) else None

    def _may_take(self, state: State, character: str) -> bool:
        to = state.moves.get(character) or self._automaton.step(state, character)
        return to.alive or bool(to.found) or self._automaton.takes_non_ascii(state)
