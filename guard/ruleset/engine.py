"""The small interface behind which matching is done, and the choice of who does it.

Every engine gives the same verdicts. `hyperscan` matches everything in one pass; `portable` needs no compiled
library beyond pyahocorasick and regex, and is slower.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from guard.ruleset.pattern import Pattern

EngineName = Literal["auto", "hyperscan", "portable"]


class Kept:
    """What an engine has compiled, by what it was made from, so that it need not again, here or in another process.

    Attributes:
        before: what there is.
        used: what was of use, or had to be made.
    """

    def __init__(self, before: Mapping[str, bytes] | None = None) -> None:
        self.before: Mapping[str, bytes] = before or {}
        self.used: dict[str, bytes] = {}

    def find(self, key: str) -> bytes | None:
        """What was made from this."""
        return self.used.get(key) or self.before.get(key)


@dataclass(frozen=True, slots=True)
class Terms:
    """What one rule looks for: any of the literals (normalised) or patterns."""

    literals: tuple[str, ...]
    patterns: tuple[Pattern, ...]


Search = Callable[[str], Sequence[int]]
"""Looks for all rules in one whole, normalised text: numbers of those that match, in no order, maybe repeated."""


class TextStream(Protocol):
    """Looks for all rules in one normalised text that comes in pieces."""

    def feed(self, text: str) -> Sequence[int]:
        """Numbers of rules whose match is complete with this piece; some may have been given before."""

    def close(self) -> Sequence[int]:
        """Numbers of rules that match because the text ends; frees what the stream holds. Only once."""


class Engine(Protocol):
    """Compiles rules; `rules` are numbered by their place."""

    name: str

    def search(self, rules: Sequence[Terms]) -> Search:
        """For whole texts. Raises `EngineError`."""

    def stream(self, rules: Sequence[Terms]) -> Callable[[], TextStream]:
        """For texts in pieces: calling the result begins one. Raises `EngineError`."""


class EngineError(Exception):
    """The engine cannot compile the rules.

    Attributes:
        faults: number of the rule, the pattern's source, and why; empty when no single pattern is at fault.
    """

    def __init__(self, why: str, faults: list[tuple[int, str, str]]) -> None:
        super().__init__(why)
        self.faults = faults


class EngineMissingError(Exception):
    """The engine that was asked for is not installed here."""


def choose(name: EngineName, kept: Kept | None = None) -> Engine:
    """The engine of that name; `auto` is hyperscan where it imports, else portable. Raises `EngineMissingError`.

    The portable one compiles in no time, and keeps nothing.
    """
    if name != "portable":
        try:
            from guard.ruleset.hyperscan_engine import HyperscanEngine
        except ImportError as error:
            if name == "hyperscan":
                raise EngineMissingError(f"the hyperscan engine is not available: {error}") from error
        else:
            return HyperscanEngine(kept)
    try:
        from guard.ruleset.portable_engine import PortableEngine
    except ImportError as error:
        raise EngineMissingError(f"the portable engine is not available: {error}; install guard[portable]") from error
    return PortableEngine()
