"""Finding, in texts as they are, every place that a pattern matches: what must not be stored.

Other than for rules, where a match begins and ends matters, and all matches count: a character is found if it is part
of any match. Looking whether there is one at all is cheap and done with a looser form of the patterns; only where that
finds something are the places looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from guard.config import Redact
from guard.ruleset.engine import Engine, EngineError, EngineName, Terms, choose
from guard.ruleset.parser import PatternError, parse
from guard.ruleset.pattern import SIZE, Pattern
from guard.ruleset.syntax import (
    EMPTY,
    At,
    Choice,
    Group,
    Node,
    Repeat,
    needs_context,
    shortest,
    size,
    width,
)
from guard.ruleset.syntax import Sequence as Row

LOOSE = 32
"""A repeat with more room than this between its bounds is taken for one without upper bound.

Overlapping matches count as one, so that the upper bound would not keep a longer run from being found anyway.
"""

MOST = 50_000
"""Reports of matches in one text; beyond them nobody looks for the places any more."""

Span = tuple[int, int, int]
"""Where a match begins and ends (characters), and the number of its pattern."""

Places = Callable[[str], list[Span] | None]
"""Gives the matches in a text; those of one pattern that overlap are one. None: too many to be told apart."""


class RedactionError(ValueError):
    """Patterns cannot be used.

    Attributes:
        faults: for each of them, its number in `journal.redact` and why.
        errors: the same as sentences.
    """

    def __init__(self, faults: list[tuple[int, str]]) -> None:
        self.faults = faults
        self.errors = [
            f"journal.redact[{number}].pattern: {why}; expected a regular expression as rules have them"
            for number, why in faults
        ]
        super().__init__("\n".join(self.errors))


@dataclass(frozen=True, slots=True)
class Exact:
    """One pattern over texts as they are: `tree` is what is marked, `loose` is found wherever `tree` is."""

    tree: Node
    loose: Pattern


class Redactor:
    """Patterns, compiled. May be used from several threads."""

    __slots__ = ("_search", "places")

    def __init__(self, sources: Sequence[str], engine: EngineName = "auto") -> None:
        """Read and compile; takes as long as compiling rules does.

        Raises:
            RedactionError: some cannot be used.
            EngineMissingError: there is no such engine here.
        """
        chosen = choose(engine)
        patterns = _read(sources)
        self._search = _search(chosen, patterns)
        self.places: Places = _places(chosen, patterns)

    def touches(self, text: str) -> bool:
        """Whether the text may hold a match; if not, it holds none."""
        return bool(self._search(text))


def compiled(entries: Sequence[Redact], engine: EngineName = "auto") -> Redactor | None:
    """The redactor of those entries that have a pattern, numbered among themselves; None: none has.

    Raises:
        RedactionError: some cannot be used.
        EngineMissingError: there is no such engine here.
    """
    patterns = [(number, entry.pattern) for number, entry in enumerate(entries) if entry.pattern is not None]
    try:
        return Redactor([pattern for _, pattern in patterns], engine) if patterns else None
    except RedactionError as error:
        raise RedactionError([(patterns[number][0], why) for number, why in error.faults]) from None


def spotter(words: Iterable[str], engine: EngineName = "auto") -> Callable[[str], bool]:
    """A function that says whether any of these words is in a text. Raises `EngineMissingError`."""
    search = choose(engine).search([Terms(tuple(words), ())])
    return lambda text: bool(search(text))


def _read(sources: Sequence[str]) -> list[Exact]:
    patterns, faults = [], []
    for number, source in enumerate(sources):
        try:
            patterns.append(read_exact(source))
        except PatternError as error:
            faults.append((number, str(error)))
    if faults:
        raise RedactionError(faults)
    return patterns


def read_exact(source: str) -> Exact:
    """Read and check one pattern. Raises `PatternError`."""
    tree = widened(parse(source, exact=True))
    if size(tree) > SIZE:
        raise PatternError(f"too large: {size(tree):,} steps with its repeats written out, at most {SIZE:,}")
    if width(tree)[0] == 0:
        raise PatternError("it can match the empty text, so it would match everything")
    if needs_context(tree):
        raise PatternError("it looks around or refers back, which takes time without bound")
    loose = shortest(from_the_right(without_edges(tree)))
    return Exact(tree, Pattern(source, loose, width(loose)[1], confirm=False))


def _search(engine: Engine, patterns: list[Exact]) -> Callable[[str], Sequence[int]]:
    try:
        return engine.search([Terms((), (pattern.loose,)) for pattern in patterns])
    except EngineError as error:
        raise RedactionError([(number, why) for number, _, why in error.faults] or [(0, str(error))]) from error


def _places(engine: Engine, patterns: list[Exact]) -> Places:
    trees = [pattern.tree for pattern in patterns]
    if engine.name == "hyperscan":
        from guard.ruleset.hyperscan_places import places
    else:
        from guard.ruleset.portable_places import places
    try:
        return places(trees, MOST)
    except EngineError as error:
        raise RedactionError([(number, why) for number, _, why in error.faults]) from error


def widened(node: Node) -> Node:
    """The tree with every `LOOSE` repeat made one without upper bound, which costs an engine much less."""
    match node:
        case Repeat(item, low, high):
            return Repeat(widened(item), low, None if high is not None and high - low > LOOSE else high)
        case Row(items):
            return Row(tuple([widened(item) for item in items]))
        case Choice(branches):
            return Choice(tuple([widened(branch) for branch in branches]))
        case Group(item, number):
            return Group(widened(item), number)
        case _:
            return node


def without_edges(node: Node) -> Node:
    """The tree without what ties it to a place between characters: it finds all that it found, and more."""
    match node:
        case At():
            return EMPTY
        case Repeat(item, low, high):
            kept = without_edges(item)
            return Repeat(kept, low, high) if kept != EMPTY else EMPTY
        case Row(items):
            return Row(tuple([kept for item in items if (kept := without_edges(item)) != EMPTY]))
        case Choice(branches):
            return Choice(tuple([without_edges(branch) for branch in branches]))
        case Group(item, _):
            return without_edges(item)
        case _:
            return node


def from_the_right(node: Node) -> Node:
    """The tree with as few repeats at its beginning as there must be: found in the same texts, and cheaper to find.

    Only for trees `without_edges`.
    """
    match node:
        case Repeat(item, low, _) if low <= 1:
            return from_the_right(item) if low else EMPTY
        case Repeat(item, low, _):
            return Repeat(item, low, low)
        case Row(items) if items:
            first = from_the_right(items[0])
            if first == EMPTY:
                return from_the_right(Row(items[1:]))
            return Row((first, *items[1:]))
        case _:
            return node


def joined(spans: list[Span]) -> list[Span]:
    """The same matches, in order, those of one pattern that overlap put together."""
    last: dict[int, int] = {}
    found: list[Span] = []
    for start, end, number in sorted(spans):
        at = last.get(number)
        if at is not None and start < found[at][1]:
            found[at] = found[at][0], max(found[at][1], end), number
        else:
            last[number] = len(found)
            found.append((start, end, number))
    return found
