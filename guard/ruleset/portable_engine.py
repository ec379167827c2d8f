"""Matching with pyahocorasick and regex, and with this package's own automaton where a text comes in pieces."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import ahocorasick

from guard.ruleset.automaton import Automaton
from guard.ruleset.confirm import searcher
from guard.ruleset.engine import Search, Terms, TextStream
from guard.ruleset.program import Side


class PortableEngine:
    """The engine for where hyperscan cannot be installed."""

    name = "portable"

    def search(self, rules: Sequence[Terms]) -> Search:
        """See `Engine.search`."""
        literals = _Literals(rules)
        patterns = [(number, searcher(pattern)) for number, terms in enumerate(rules) for pattern in terms.patterns]

        def search(text: str) -> Sequence[int]:
            found = literals.find(text)
            for number, found_in in patterns:
                if number not in found and found_in(text):
                    found.add(number)
            return tuple(found)

        return search

    def stream(self, rules: Sequence[Terms]) -> Callable[[], TextStream]:
        """See `Engine.stream`."""
        literals = _Literals(rules)
        automaton = Automaton(
            [(number, pattern.tree) for number, terms in enumerate(rules) for pattern in terms.patterns], anywhere=True
        )
        return lambda: _Stream(literals, automaton)


class _Literals:
    """All rules' literals, found in one pass."""

    def __init__(self, rules: Sequence[Terms]) -> None:
        owners: dict[str, set[int]] = {}
        for number, terms in enumerate(rules):
            for literal in terms.literals:
                owners.setdefault(literal, set()).add(number)
        self.longest = max(map(len, owners), default=0)
        self._words = ahocorasick.Automaton()
        for literal, numbers in owners.items():
            self._words.add_word(literal, numbers)
        if owners:
            self._words.make_automaton()

    def find(self, text: str) -> set[int]:
        """Numbers of the rules with a literal in the text."""
        found: set[int] = set()
        if self.longest:
            for _, numbers in self._words.iter(text):
                found |= numbers
        return found


class _Stream:
    """One text in pieces: literals in a window that overlaps the last one, patterns through the automaton."""

    __slots__ = ("_automaton", "_literals", "_state", "_tail")

    def __init__(self, literals: _Literals, automaton: Automaton) -> None:
        self._literals = literals
        self._automaton = automaton
        self._state = automaton.origin(Side.EDGE)
        self._tail = ""

    def feed(self, text: str) -> Sequence[int]:
        window = self._tail + text
        found = self._literals.find(window)
        overlap = self._literals.longest - 1
        self._tail = window[-overlap:] if overlap > 0 else ""
        state, step = self._state, self._automaton.step
        for character in text:
            state = state.moves.get(character) or step(state, character)
            if state.found:
                found.update(state.found)
        self._state = state
        return tuple(found)

    def close(self) -> Sequence[int]:
        return tuple(self._automaton.end(self._state))
