"""JSON pointers (RFC 6901) that may stand for many places: ``*`` is every element of a list, every member of an object.

A member that is itself named ``*`` is reached by the ``*`` that reaches them all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from guard.formats.names import NAMES
from guard.formats.walk import LONGEST_CHANNEL, NUMBERS

Reached = frozenset[int]
"""The positions of the pointers that reach a place or a place above it."""

_NONE: Reached = frozenset()

_POINTER = re.compile(r"(/([^~/]|~[01])*)*", re.DOTALL)


class Pointers:
    """A few pointers, looked for in one walk. Raises ValueError for one that is not written as RFC 6901 says."""

    __slots__ = ("_tokens", "written")

    def __init__(self, written: Sequence[str]) -> None:
        self.written = tuple(written)
        self._tokens = [_tokens(pointer) for pointer in self.written]

    def find(self, document: Any) -> Iterator[tuple[str, str, Reached]]:
        """Yield every string of a document, and every key that no API knows, in document order.

        Each comes with its own pointer and with what reaches it; nothing reaches a key.
        """
        reached = frozenset(i for i, tokens in enumerate(self._tokens) if not tokens)
        if type(document) is str:
            yield "", document, reached
        stack = [(_members(document), tuple(i for i, tokens in enumerate(self._tokens) if tokens), reached, "")]
        while stack:
            members, alive, above, prefix = stack[-1]
            for key, member in members:
                if type(key) is str and key not in NAMES:
                    yield prefix, key, _NONE
                kind = type(member)
                if kind in NUMBERS:
                    continue
                below, reached = self._step(alive, above, str(key), len(stack)) if alive else (alive, above)
                place = f"{prefix}/{_escaped(key) if type(key) is str else key}"[:LONGEST_CHANNEL]
                if kind is str:
                    yield place, member, reached
                else:
                    stack.append((_members(member), below, reached, place))
                    break
            else:
                stack.pop()

    def _step(self, alive: tuple[int, ...], above: Reached, token: str, depth: int) -> tuple[tuple[int, ...], Reached]:
        """Return the pointers of `alive` that go on below `token`, the one at this depth, and those that reach it."""
        hit = [i for i in alive if self._tokens[i][depth - 1] in ("*", token)]
        if not hit:
            return (), above
        ended = [i for i in hit if len(self._tokens[i]) == depth]
        return tuple(i for i in hit if i not in ended), above.union(ended)


def _members(value: Any) -> Iterator[tuple[str | int, Any]]:
    if type(value) is dict:
        return iter(value.items())
    if type(value) is list and not NUMBERS.issuperset(map(type, value)):
        return enumerate(value)
    return iter(())


def _tokens(pointer: str) -> list[str]:
    if not _POINTER.fullmatch(pointer):
        raise ValueError(f"pointer {pointer!r}: expected '/' before each name, '~0' for '~', '~1' for '/' (RFC 6901)")
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]


def _escaped(token: str) -> str:
    return token.replace("~", "~0").replace("/", "~1") if "/" in token or "~" in token else token
