"""A deterministic automaton over patterns and literals, made while it is used.

Each state remembers where a character leads, so common text costs one dictionary look-up a character. What is
remembered is bounded: past `REMEMBERED` moves everything is forgotten and made anew.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from guard.ruleset.program import Found, Program, Side, Take, takes, takes_non_ascii
from guard.ruleset.syntax import Node

REMEMBERED = 200_000
WORD_CHARACTERS = frozenset("0123456789_abcdefghijklmnopqrstuvwxyz")


class State:
    """Where the automaton is after some text.

    Attributes:
        alive: a match can be under way.
        found: rules whose match is complete whatever follows.
        moves: where each character seen here so far leads; ask `Automaton.step` for the others.
    """

    __slots__ = ("alive", "before", "found", "moves", "non_ascii", "prefix", "steps")

    def __init__(self, prefix: str | None, steps: frozenset[int], before: Side, found: tuple[int, ...]) -> None:
        self.prefix = prefix
        self.steps = steps
        self.before = before
        self.found = found
        self.alive = prefix is not None or bool(steps)
        self.moves: dict[str, State] = {}
        self.non_ascii: bool | None = None


class Automaton:
    """All `patterns` (rule number and tree) and `literals` of a rule set at once.

    With `anywhere`, patterns begin at every character (literals are for the other kind only); without, one walk
    through the states follows what began at one place, and `origin` gives the state in which it begins.
    """

    def __init__(self, patterns: Iterable[tuple[int, Node]], literals: Iterable[str] = (), *, anywhere: bool) -> None:
        self._program = Program(patterns)
        self._literals = sorted(set(literals))
        self._anywhere = anywhere
        self._states: dict[tuple[str | None, frozenset[int], Side], State] = {}
        self._remembered = 0
        prefix = "" if self._literals else None
        self._origins = {side: State(prefix, self._program.starts, side, ()) for side in Side}

    def origin(self, before: Side) -> State:
        """The state in which a walk begins, given what stands before."""
        return self._origins[before]

    def step(self, state: State, character: str) -> State:
        """The state that `character` leads to from `state`."""
        known = state.moves.get(character)
        if known is not None:
            return known
        after = Side.WORD if character in WORD_CHARACTERS else Side.OTHER
        code = ord(character)
        reached = self._program.reach(state.steps, state.before, after)
        steps = {step.then for step in reached if isinstance(step, Take) and takes(step, code)}
        prefix = None if state.prefix is None else self._prefix(state.prefix + character)
        # A match that was waiting to see this character, as one that ends in \b does, is complete now.
        ended = {step.rule for step in reached if isinstance(step, Found)}
        to = self._state(prefix, frozenset(steps), after, ended)
        if self._remembered >= REMEMBERED:
            self._forget()
        self._remembered += 1
        state.moves[character] = to
        return to

    def takes_non_ascii(self, state: State) -> bool:
        """Whether any character beyond ASCII leads on from `state`, or completes a match."""
        if state.non_ascii is None:
            reached = self._program.reach(state.steps, state.before, Side.OTHER)
            state.non_ascii = any(isinstance(step, Found) or takes_non_ascii(step) for step in reached) or (
                state.prefix is not None and self._prefix(state.prefix, "\x80") is not None
            )
        return state.non_ascii

    def end(self, state: State) -> list[int]:
        """Rules whose match is complete because the text ends here."""
        reached = self._program.reach(state.steps, state.before, Side.EDGE)
        return [step.rule for step in reached if isinstance(step, Found)]

    def _prefix(self, prefix: str, least: str = "") -> str | None:
        """`prefix`, if a literal begins with it and goes on with `least` or a later character."""
        at = bisect_left(self._literals, prefix + least)
        return prefix if at < len(self._literals) and self._literals[at].startswith(prefix) else None

    def _state(self, prefix: str | None, steps: frozenset[int], before: Side, ended: set[int]) -> State:
        if self._anywhere:
            steps |= self._program.starts
        if ended:  # rare, and the text is about to be refused: not worth remembering by its own key
            return self._new(prefix, steps, before, ended)
        key = prefix, steps, before
        state = self._states.get(key)
        if state is None:
            state = self._states[key] = self._new(prefix, steps, before, ended)
        return state

    def _new(self, prefix: str | None, steps: frozenset[int], before: Side, ended: set[int]) -> State:
        reached = self._program.reach(steps, before, Side.UNKNOWN)
        return State(prefix, steps, before, tuple(ended | {step.rule for step in reached if isinstance(step, Found)}))

    def _forget(self) -> None:
        for state in (*self._origins.values(), *self._states.values()):
            state.moves.clear()
        self._states.clear()
        self._remembered = 0
