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
        alive = tuple(range(len(self._tokens)))
        start: Iterator[tuple[str | int, Any]] = iter((("", document),))
        stack = [(start, alive, _NONE, "", 0)]
        while stack:
            members, alive, above, prefix, depth = stack[-1]
            for key, member in members:
                kind = type(member)
                token = str(key)
                if kind not in (str, dict, list):
                    if token is key and key not in NAMES:
                        yield prefix, key, _NONE
                    continue
                below = self._step(alive, token, depth) if depth else alive
                reached = above.union(i for i in below if len(self._tokens[i]) == depth) if below else above
                if depth and token is key and key not in NAMES:
                    yield prefix, key, _NONE
                place = f"{prefix}/{_escaped(token)}"[:LONGEST_CHANNEL] if depth else ""
                if kind is str:
                    yield place, member, reached
                elif kind is dict:
                    stack.append((iter(member.items()), below, reached, place, depth + 1))
                    break
                elif not NUMBERS.issuperset(map(type, member)):
                    stack.append((iter(enumerate(member)), below, reached, place, depth + 1))
                    break
            else:
                stack.pop()

    def _step(self, alive: tuple[int, ...], token: str, depth: int) -> tuple[int, ...]:
        """Return the pointers of `alive` that go on with `token` at this depth, 1 being the first."""
        return tuple(i for i in alive if len(t := self._tokens[i]) >= depth and t[depth - 1] in ("*", token))


def _tokens(pointer: str) -> list[str]:
    if not _POINTER.fullmatch(pointer):
        raise ValueError(f"pointer {pointer!r}: expected '/' before each name, '~0' for '~', '~1' for '/' (RFC 6901)")
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]


def _escaped(token: str) -> str:
    return token.replace("~", "~0").replace("/", "~1")
