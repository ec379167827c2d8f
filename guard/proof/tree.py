"""Merkle trees over leaf hashes (RFC 6962, section 2.1), kept as compact ranges.

A `Range` stands for the leaves [begin, end) by the hashes of the largest aligned perfect subtrees that cover them, in
order: at most two for each level, however many leaves there are. Adjacent ranges merge into one, so that a log's root
can be computed from the ranges of its parts when the leaves themselves are gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

EMPTY_ROOT = sha256().digest()
MAX_SIZE = 2**63
HASH_BYTES = 32


class Range(NamedTuple):
    """The leaves [begin, end), as the hashes of the subtrees that `shape(begin, end)` tells. Empty: begin == end."""

    begin: int
    end: int
    hashes: tuple[bytes, ...] = ()

    def append(self, leaf: bytes) -> Range:
        """This range with one more leaf."""
        return merge(self, Range(self.end, self.end + 1, (leaf,)))

    def extend(self, leaves: Sequence[bytes]) -> Range:
        """This range with more leaves; many at once are quicker than one at a time."""
        return merge(self, of_leaves(self.end, leaves))

    def root(self) -> bytes:
        """The root of the tree of all leaves up to `end`.

        Raises:
            ValueError: the range does not begin at the first leaf.
        """
        if self.begin:
            raise ValueError(f"a root needs all leaves from the first, not those from {self.begin} on")
        if not self.hashes:
            return EMPTY_ROOT
        *left, root = self.hashes
        while left:
            root = node(left.pop(), root)
        return root


def node(left: bytes, right: bytes) -> bytes:
    """The hash of the node over two others."""
    return sha256(b"\1" + left + right).digest()


def shape(begin: int, end: int) -> list[int]:
    """The sizes, as powers of two, of the largest aligned perfect subtrees that cover [begin, end), in order."""
    levels = []
    while begin < end:
        aligned = (begin & -begin).bit_length() - 1 if begin else MAX_SIZE.bit_length()
        level = min(aligned, (end - begin).bit_length() - 1)
        levels.append(level)
        begin += 1 << level
    return levels


def compact(begin: int, end: int, hashes: Iterable[bytes]) -> Range:
    """A range from what somebody stated.

    Raises:
        ValueError: the hashes cannot be those of [begin, end).
    """
    found = Range(begin, end, tuple(hashes))
    if not 0 <= begin <= end <= MAX_SIZE:
        raise ValueError(f"[{begin}, {end}) is no range of leaves")
    if len(found.hashes) != (expected := len(shape(begin, end))):
        raise ValueError(f"[{begin}, {end}) is covered by {expected} subtrees, not {len(found.hashes)}")
    if any(len(value) != HASH_BYTES for value in found.hashes):
        raise ValueError(f"a hash of a subtree has not {HASH_BYTES} bytes")
    return found


def merge(left: Range, right: Range) -> Range:
    """One range for two adjacent ones.

    Raises:
        ValueError: they are not adjacent.
    """
    if left.end != right.begin:
        raise ValueError(f"leaves [{left.begin}, {left.end}) do not go on with [{right.begin}, {right.end})")
    begin, stack = left.begin, list(left.hashes)
    levels, index = shape(left.begin, left.end), left.end
    for level, value in zip(shape(right.begin, right.end), right.hashes, strict=True):
        index += 1 << level
        # Two halves of one aligned subtree, the last of which ends here, are that subtree.
        while levels and levels[-1] == level and not index & ((2 << level) - 1):
            value, level = node(stack.pop(), value), levels.pop() + 1
        stack.append(value)
        levels.append(level)
    return Range(begin, right.end, tuple(stack))


def of_leaves(begin: int, leaves: Sequence[bytes]) -> Range:
    """The range of leaves whose first is number `begin`."""
    end = begin + len(leaves)
    left: list[bytes] = []
    right: list[bytes] = []
    at, level = begin, leaves
    while level:
        if at & 1:
            left.append(level[0])
            level, at = level[1:], at + 1
        if len(level) & 1:
            right.append(level[-1])
            level = level[:-1]
        pairs = iter(level)
        level = [sha256(b"\1" + one + other).digest() for one, other in zip(pairs, pairs, strict=True)]
        at >>= 1
    return Range(begin, end, (*left, *reversed(right)))
