"""One regular expression of a rule, read and ready for either engine."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from guard.ruleset.parser import PatternError, parse
from guard.ruleset.render import Notation, render
from guard.ruleset.syntax import Node, needs_context, shortest, size, width

SIZE = 20_000  # steps, with bounded repeats written out
REMEMBERED = 4_096
"""Expressions: rules that are pushed are mostly those that were there before."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression, in the shortest form that is found in the same texts.

    Attributes:
        source: as the rule's author wrote it.
        tree: what it means.
        widest: most characters that the shortest match from any place can take; None: without bound.
        confirm: it looks around or refers back, so a match of the prefilter has to be confirmed.
    """

    source: str
    tree: Node
    widest: int | None
    confirm: bool

    def written(self, notation: Notation) -> str:
        """The expression in an engine's notation."""
        return render(self.tree, notation)


@lru_cache(REMEMBERED)
def read_pattern(source: str) -> Pattern:
    """Read and check one expression. Raises `PatternError`."""
    tree = parse(source)
    if size(tree) > SIZE:
        raise PatternError(f"too large: {size(tree):,} steps with its repeats written out, at most {SIZE:,}")
    if width(tree)[0] == 0:
        raise PatternError("it can match the empty text, so it would match everything")
    confirm = needs_context(tree)
    tree = tree if confirm else shortest(tree)
    return Pattern(source, tree, width(tree)[1], confirm)
