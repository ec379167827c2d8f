"""Walking a parsed JSON document and sorting every string in it by what it is.

What is where in an API's documents is written down as data, as a graph of `Shape`; the walks here are all there is of
code. They keep no call stack, so a document may be as deep as its parser allows, and their memory grows with the
document's depth and its strings, not with its numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Self

from guard.formats.names import NAMES

TEXT: Final = 0
"""What people and models wrote to each other."""

OTHER: Final = 1
"""Any other string: identifiers, settings, addresses, encoded files, fields that nobody knows."""

SKIP: Final = 2
"""A string that the API itself makes up for its envelope; it is not collected."""

NUMBERS = frozenset((int, float, bool, type(None)))
"""Types of the values that have no strings in them."""

Channelled = list[tuple[str, str]]
"""Texts and where they belong, see `guard.formats.base.StreamReader`."""


LONGEST_CHANNEL: Final = 512
"""Characters; what deep or long keys would add to a channel's name is left off, so that names stay cheap."""


class Shape:
    """What the strings at one place of a document are, and the shapes of the places below it.

    A list has the shape of the place it stands at, and so has each of its elements; but a list where the envelope has
    a single string is not the envelope, its elements have the shape `rest`.

    Attributes:
        kind: what a string here is: `TEXT`, `OTHER` or `SKIP`.
        keys: what the keys of an object here are that no API knows (see `guard.formats.names`).
        fields: shapes of the members of an object here, by key.
        rest: the shape of all other members; by default this same shape.
        variants: shapes that an object here has instead of this one, by the value of its `type` member.
        opaque: lists here hold numbers only and are not looked into.
        known: what a string is that is a member under a name of the API, by its key; empty until `learn` fills it.
    """

    __slots__ = ("fields", "keys", "kind", "known", "opaque", "rest", "variants")

    def __init__(self, kind: int, *, keys: int = OTHER, rest: Shape | None = None, opaque: bool = False) -> None:
        self.kind = kind
        self.keys = keys
        self.fields: dict[str, Shape] = {}
        self.rest: Shape = rest or self
        self.variants: dict[str, Shape] = {}
        self.opaque = opaque
        self.known: dict[str, int] = {}

    def having(self, fields: Mapping[str, Shape] | None = None, **more: Shape) -> Self:
        """Add shapes of members and return this shape."""
        self.fields.update(fields or {}, **more)
        return self

    def learn(self) -> dict[str, int]:
        """Fill in `known`, once the shape has all its members, and return it."""
        self.known = dict.fromkeys(NAMES, self.rest.kind) | {key: shape.kind for key, shape in self.fields.items()}
        return self.known

    def when(self, **variants: Shape) -> Self:
        """Add shapes for objects of a known `type` and return this shape."""
        self.variants.update(variants)
        return self

    def of(self, member: dict[str, Any]) -> Shape:
        """Return the shape that an object at this place has."""
        kind = member.get("type")
        return self.variants.get(kind, self) if type(kind) is str else self

    def below(self) -> Shape:
        """Return the shape that the elements of a list at this place have."""
        return self.rest if self.kind is SKIP else self


def collect(value: Any, shape: Shape, texts: list[str], others: list[str]) -> None:
    """Append every string of `value` to `texts` or `others`, in document order; empty strings are left out."""
    into: tuple[list[str], ...] = (texts, others, [])
    stack: list[tuple[Iterator[Any], Shape, bool]] = [(iter((value,)), shape, False)]
    while stack:
        members, shape, named = stack[-1]
        fields, inner = shape.fields, shape
        for member in members:
            if named:
                key, member = member
                if (found := fields.get(key)) is not None:
                    inner = found
                else:
                    inner = shape.rest
                    if key not in NAMES and key:
                        into[shape.keys].append(key)
            kind = type(member)
            if kind is str:
                if member:
                    into[inner.kind].append(member)
            elif kind is dict:
                if member:
                    if inner.variants:
                        inner = inner.of(member)
                    stack.append((iter(member.items()), inner, True))
                    break
            elif kind is list and not inner.opaque and not NUMBERS.issuperset(map(type, member)):
                stack.append((iter(member), inner.below(), False))
                break
        else:
            stack.pop()


Read = Callable[[Any, list[str], list[str]], None]
"""Sorts the strings of a value into texts and others."""


def collect_around(
    document: dict[str, Any], shape: Shape, name: str | None, read: Read, texts: list[str], others: list[str]
) -> None:
    """Do what `collect` does with an object, but leave its member `name` to `read`, which knows it better.

    The members beside it are mostly names, settings and counts, and are passed over quickly.
    """
    known = shape.known or shape.learn()
    for key, value in document.items():
        if key == name:
            read(value, texts, others)
            continue
        kind = type(value)
        sort = known.get(key)
        if sort is None:
            collect({key: value}, shape, texts, others)
        elif kind is str:
            if value and sort != SKIP:
                (texts if sort == TEXT else others).append(value)
        elif kind not in NUMBERS and value and not _only_counts(value):
            collect({key: value}, shape, texts, others)


def _only_counts(value: Any, *, groups: bool = True) -> bool:
    """Tell whether a value is an object of numbers, perhaps in groups, under the API's own names, as `usage` is."""
    if type(value) is not dict:
        return False
    for key, member in value.items():
        if key not in NAMES or (type(member) not in NUMBERS and not (groups and _only_counts(member, groups=False))):
            return False
    return True


def trace(value: Any, shape: Shape, path: str) -> Channelled:
    """Return every string of `value` with the channel it belongs to, in document order.

    The channel is the place of the string, its keys and indices joined with dots, below `path`. Strings that are not
    `TEXT`, and keys, are whole in themselves: their channel starts with ``=``.
    """
    found: Channelled = []
    stack: list[tuple[Iterator[Any], Shape, bool, str]] = [(iter(((path, value),)), shape, False, "")]
    while stack:
        members, shape, named, prefix = stack[-1]
        inner = shape
        for key, member in members:
            if named:
                inner = shape.fields.get(key, shape.rest)
                if key not in NAMES and key not in shape.fields and shape.keys is not SKIP:
                    found.append((f"={prefix}", key))
            place = f"{prefix}{key}"
            if place.startswith("="):  # a key must not pass its text off as a repeat
                place = f".{place}"
            kind = type(member)
            if kind is str:
                if member and inner.kind is not SKIP:
                    found.append((place if inner.kind is TEXT else f"={place}", member))
            elif kind is dict:
                below = f"{place[:LONGEST_CHANNEL]}." if place else ""
                stack.append((iter(member.items()), inner.of(member), True, below))
                break
            elif kind is list and not inner.opaque and not NUMBERS.issuperset(map(type, member)):
                below = f"{place[:LONGEST_CHANNEL]}." if place else ""
                stack.append((iter(enumerate(member)), inner.below(), False, below))
                break
        else:
            stack.pop()
    return found
