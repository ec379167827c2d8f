"""What a pattern is once it has been read: a tree, and what can be told from the tree alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from guard.ruleset.characters import Ranges

Place = Literal["start", "end", "boundary", "inside"]
Width = tuple[int, int | None]


@dataclass(frozen=True, slots=True)
class Text:
    """These characters, one after another; already normalised."""

    characters: str


@dataclass(frozen=True, slots=True)
class One:
    """One character out of a set."""

    ranges: Ranges


@dataclass(frozen=True, slots=True)
class Sequence:
    """All of these, one after another; with no items, the empty text."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """Any one of these."""

    branches: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`item`, between `low` and `high` times; `high` None: without bound."""

    item: Node
    low: int
    high: int | None


@dataclass(frozen=True, slots=True)
class At:
    """A place between two characters."""

    place: Place


@dataclass(frozen=True, slots=True)
class Group:
    """`item`, remembered under `number`."""

    item: Node
    number: int


@dataclass(frozen=True, slots=True)
class Again:
    """The text that group `number` matched, once more."""

    number: int


@dataclass(frozen=True, slots=True)
class Look:
    """`item` stands ahead of here or behind, or does not; no character is taken."""

    item: Node
    ahead: bool
    negative: bool


Node = Text | One | Sequence | Choice | Repeat | At | Group | Again | Look

EMPTY = Sequence(())


def children(node: Node) -> tuple[Node, ...]:
    """The trees directly below a tree."""
    match node:
        case Sequence(items):
            return items
        case Choice(branches):
            return branches
        case Repeat(item=item) | Group(item=item) | Look(item=item):
            return (item,)
        case _:
            return ()


def width(node: Node) -> Width:
    """The fewest and the most characters that a match can take; None: without bound."""
    match node:
        case Text(characters):
            return len(characters), len(characters)
        case One():
            return 1, 1
        case Sequence(items):
            widths = [width(item) for item in items]
            return sum(low for low, _ in widths), _sum([high for _, high in widths])
        case Choice(branches):
            widths = [width(branch) for branch in branches]
            highs = [high for _, high in widths if high is not None]
            return min(low for low, _ in widths), max(highs) if len(highs) == len(widths) else None
        case Repeat(item, low, high):
            fewest, most = width(item)
            if most == 0 or high == 0:
                return 0, 0
            return fewest * low, None if most is None or high is None else most * high
        case Group(item):
            return width(item)
        case Again():
            return 0, None
        case _:
            return 0, 0


def _sum(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def size(node: Node) -> int:
    """How many single steps the tree has once its bounded repeats are written out."""
    match node:
        case Text(characters):
            return len(characters)
        case Repeat(item, low, high):
            return size(item) * max(low + (high is None), high or 0, 1) + 1
        case _:
            return 1 + sum(size(child) for child in children(node))


def needs_context(node: Node) -> bool:
    """Whether the tree looks around or refers back, which no automaton can do."""
    return isinstance(node, Look | Again) or any(needs_context(child) for child in children(node))


def shortest(node: Node) -> Node:
    """A tree that finds its match in the same texts, but stops at the earliest end.

    ``sk-[a-z]{20,40}`` is found exactly where ``sk-[a-z]{20}`` is, and the second is decided sooner and holds back
    less of a stream. Only for trees that do not `needs_context`.
    """
    match node:
        case Sequence(items):
            return _shortest_sequence(items)
        case Choice(branches):
            shorter = tuple(shortest(branch) for branch in branches)
            return EMPTY if EMPTY in shorter else Choice(shorter)
        case Repeat(item, low):
            if low == 0:
                return EMPTY
            return shortest(item) if low == 1 else Repeat(item, low, low)
        case Group(item):
            return shortest(item)
        case _:
            return node


def _shortest_sequence(items: tuple[Node, ...]) -> Node:
    kept = list(items)
    while kept:
        last = shortest(kept.pop())
        if last != EMPTY:
            return Sequence((*kept, last))
    return EMPTY
