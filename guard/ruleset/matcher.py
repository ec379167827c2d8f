"""All rules of one target against one text."""

from __future__ import annotations

from collections.abc import Collection, Sequence

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

    __slots__ = ("_hold_back", "_out", "_search", "_streaming", "_terms", "empty", "rules")

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
        self._terms = [looked_for for _, looked_for in rules]
        self._hold_back = hold_back
        self._out: frozenset[int] = frozenset()
        if engine is None or not rules:
            return
        self._search = engine.search(self._terms)
        if all(rule.target == "output" for rule in self.rules):
            automaton, limit = _holding(rules, hold_back)
            self._streaming = Streaming(self.rules, engine.stream(self._terms), automaton, limit)

    def scan(self, text: str) -> tuple[Rule, ...]:
        """The rules that match a whole text, each once, in order."""
        if self._search is None:
            return NONE
        found = self._search(text.lower() if text.isascii() else normalise(text))
        if not found:
            return NONE
        rules = self.rules
        return tuple([rules[number] for number in sorted(set(found) - self._out)])

    def stream(self) -> MatchStream:
        """A new text in pieces. Raises `RuntimeError` for prompt rules, which are matched on whole texts only."""
        if self._streaming is None and self.rules:
            raise RuntimeError("only output rules can be matched on a stream")
        return MatchStream(self._streaming)

    def without(self, ids: Collection[str]) -> Matcher:
        """The same but for rules with these ids: they are neither told, nor is anything held back for them.

        Its `rules` are those of this one; what is compiled is shared.
        """
        other = Matcher()
        other.rules, other._terms, other._hold_back = self.rules, self._terms, self._hold_back
        other._search = self._search
        other._out = self._out.union([number for number, rule in enumerate(self.rules) if rule.id in ids])
        other.empty = len(other._out) == len(self.rules)
        if self._streaming is not None:
            kept = [
                (rule, terms)
                for number, (rule, terms) in enumerate(zip(self.rules, self._terms, strict=True))
                if number not in other._out
            ]
            automaton, limit = _holding(kept, self._hold_back)
            other._streaming = self._streaming._replace(automaton=automaton, limit=limit, out=other._out)
        return other


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
