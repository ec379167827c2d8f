"""Patterns as one nondeterministic automaton (Thompson's construction), bounded repeats written out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from guard.ruleset.characters import Ranges, holds, holds_non_ascii
from guard.ruleset.syntax import At, Choice, Group, Node, One, Place, Repeat, Sequence, Text


class Side(IntEnum):
    """What stands on one side of a place in the text."""

    EDGE = 0  # nothing: the text begins or ends here
    WORD = 1
    OTHER = 2
    UNKNOWN = 3  # not fed yet


@dataclass(slots=True)
class Take:
    """Go on to `then` with one character out of `ranges`."""

    ranges: Ranges
    then: int


@dataclass(slots=True)
class Split:
    """Go on to each of `then` without a character."""

    then: tuple[int, ...]


@dataclass(slots=True)
class Check:
    """Go on to `then` if this is the right place."""

    place: Place
    then: int


@dataclass(slots=True)
class Found:
    """A match of rule number `rule` ends here."""

    rule: int


class Program:
    """Numbered steps; `starts` are the first steps of all patterns."""

    def __init__(self, patterns: Iterable[tuple[int, Node]]) -> None:
        self.steps: list[Take | Split | Check | Found] = []
        self.starts = frozenset([self._add(tree, self._append(Found(rule))) for rule, tree in patterns])

    def reach(self, steps: frozenset[int], before: Side, after: Side) -> list[Take | Found]:
        """Every step that takes a character or ends a match and is reached from `steps` without a character."""
        seen: set[int] = set()
        waiting = list(steps)
        reached: list[Take | Found] = []
        while waiting:
            number = waiting.pop()
            if number in seen:
                continue
            seen.add(number)
            match self.steps[number]:
                case Split(then):
                    waiting.extend(then)
                case Check(place, then):
                    if is_at(place, before, after):
                        waiting.append(then)
                case Take() | Found() as step:
                    reached.append(step)
        return reached

    def _append(self, step: Take | Split | Check | Found) -> int:
        self.steps.append(step)
        return len(self.steps) - 1

    def _add(self, node: Node, then: int) -> int:
        """Add the steps of a tree that goes on to step `then`; the number of its first step."""
        match node:
            case Text(characters):
                for character in reversed(characters):
                    then = self._append(Take(((ord(character), ord(character)),), then))
                return then
            case One(ranges):
                return self._append(Take(ranges, then))
            case Sequence(items):
                for item in reversed(items):
                    then = self._add(item, then)
                return then
            case Choice(branches):
                return self._append(Split(tuple([self._add(branch, then) for branch in branches])))
            case Repeat(item, low, high):
                return self._repeat(item, low, high, then)
            case At(place):
                return self._append(Check(place, then))
            case Group(item):
                return self._add(item, then)
            case _:
                raise ValueError("an automaton can neither look around nor refer back")

    def _repeat(self, item: Node, low: int, high: int | None, then: int) -> int:
        if high is None:
            again = Split(())
            number = self._append(again)
            again.then = (self._add(item, number), then)
            then = number
        else:
            end = then
            for _ in range(high - low):
                then = self._append(Split((self._add(item, then), end)))
        for _ in range(low):
            then = self._add(item, then)
        return then


def is_at(place: Place, before: Side, after: Side) -> bool:
    """Whether a place lies between these two sides; never where that depends on what is not known yet."""
    match place:
        case "start":
            return before is Side.EDGE
        case "end":
            return after is Side.EDGE
    if after is Side.UNKNOWN:
        return False
    return ((before is Side.WORD) != (after is Side.WORD)) == (place == "boundary")


def takes(step: Take, code: int) -> bool:
    """Whether the step takes the character with this code point."""
    return holds(step.ranges, code)


def takes_non_ascii(step: Take) -> bool:
    """Whether the step takes any character beyond ASCII."""
    return holds_non_ascii(step.ranges)
