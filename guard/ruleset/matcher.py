"""All rules of one target against one text."""

from __future__ import annotations

from collections.abc import Sequence

from guard.ruleset.automaton import Automaton
from guard.ruleset.engine import Engine, Terms
from guard.ruleset.normalise import normalise
from guard.ruleset.rule import Rule
from guard.ruleset.stream import MatchStream, Streaming

NONE: tuple[Rule, ...] = ()
WIDEST = 4096  # a pattern whose shortest match can be longer than this counts as unbounded


class Matcher:
    """Rules, compiled. May be used from several threads.

    Attributes:
        rules: in the order of their files.
        empty: there is nothing to look for.
    """

    __slots__ = ("_search", "_streaming", "empty", "rules")

    def __init__(
        self, rules: Sequence[tuple[Rule, Terms]] = (), engine: Engine | None = None, *, hold_back: int = 256
    ) -> None:
        """Compile rules that all have the same target. Raises `EngineError`.

        `hold_back` is the number of normalised characters that a stream holds back for patterns without bound.
        """
        self.rules = tuple([rule for rule, _ in rules])
        self.empty = not rules
        self._search = None
        self._streaming: Streaming | None = None
        if engine is None or not rules:
            return
        terms = [looked_for for _, looked_for in rules]
        self._search = engine.search(terms)
        if all(rule.target == "output" for rule in self.rules):
            automaton, limit = _holding(rules, hold_back)
            self._streaming = Streaming(self.rules, engine.stream(terms), automaton, limit)

    def scan(self, text: str) -> tuple[Rule, ...]:
        """The rules that match a whole text, each once, in order."""
        if self._search is None:
            return NONE
        found = self._search(text.lower() if text.isascii() else normalise(text))
        if not found:
            return NONE
        rules = self.rules
        return tuple([rules[number] for number in sorted(set(found))])

    def stream(self) -> MatchStream:
        """A new text in pieces. Raises `RuntimeError` for prompt rules, which are matched on whole texts only."""
        if self._streaming is None and self.rules:
            raise RuntimeError("only output rules can be matched on a stream")
        return MatchStream(self._streaming)


def _holding(rules: Sequence[tuple[Rule, Terms]], hold_back: int) -> tuple[Automaton | None, int]:
    """What a stream must follow for the sake of enforced blocking rules, and over how many characters."""
    blocking = [terms for rule, terms in rules if rule.blocks]
    if not blocking:
        return None, 0
    literals = [literal for terms in blocking for literal in terms.literals]
    patterns = [pattern for terms in blocking for pattern in terms.patterns]
    widths = [pattern.widest for pattern in patterns if pattern.widest is not None and pattern.widest <= WIDEST]
    limit = max([hold_back, *widths, *map(len, literals)])
    return Automaton([(0, pattern.tree) for pattern in patterns], literals, anywhere=False), limit
