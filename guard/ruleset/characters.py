"""Sets of characters as sorted, disjoint, inclusive ranges of code points."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from guard.ruleset.normalise import normalise

Ranges = tuple[tuple[int, int], ...]

LAST = 0x10FFFF
FIRST_NON_ASCII = 0x80
WIDE = 4096  # a range wider than this holds both cases of nearly all its letters, and is not folded one by one


def merge(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """The same set, sorted and without overlaps."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def complement(ranges: Ranges) -> Ranges:
    """Every character that is not in the set."""
    gaps: list[tuple[int, int]] = []
    low = 0
    for first, last in ranges:
        if first > low:
            gaps.append((low, first - 1))
        low = last + 1
    if low <= LAST:
        gaps.append((low, LAST))
    return tuple(gaps)


def fold(ranges: Ranges) -> Ranges:
    """The set with the normalised form of each of its characters, where that is one character."""
    folded = list(ranges)
    for low, high in ranges:
        if high - low > WIDE:
            folded.append((ord("a"), ord("z"))) if low <= ord("A") and high >= ord("Z") else None
            continue
        forms = [normalise(chr(code)) for code in range(low, high + 1)]
        folded.extend((ord(form), ord(form)) for form in forms if len(form) == 1)
    return merge(folded)


def both_cases(ranges: Ranges) -> Ranges:
    """The set with each of its letters in the other case too, where that is one character."""
    folded = list(ranges)
    for low, high in ranges:
        if high - low > WIDE:
            folded += [(0x41, 0x5A), (0x61, 0x7A)] if low <= ord("z") and high >= ord("A") else []
            continue
        forms = [form for code in range(low, high + 1) for form in (chr(code).lower(), chr(code).upper())]
        folded += [(ord(form), ord(form)) for form in forms if len(form) == 1]
    return merge(folded)


def holds(ranges: Ranges, code: int) -> bool:
    """Whether the character with this code point is in the set."""
    at = bisect_right(ranges, (code, LAST)) - 1
    return at >= 0 and code <= ranges[at][1]


def holds_non_ascii(ranges: Ranges) -> bool:
    """Whether any character beyond ASCII is in the set."""
    return bool(ranges) and ranges[-1][1] >= FIRST_NON_ASCII


DIGIT: Ranges = ((0x30, 0x39),)
WORD: Ranges = merge([(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)])
SPACE: Ranges = ((0x09, 0x0D), (0x20, 0x20))
NEWLINE: Ranges = ((0x0A, 0x0A),)
EVERY: Ranges = ((0, LAST),)
