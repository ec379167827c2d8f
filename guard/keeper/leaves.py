"""The leaves in a block of a log's lines: all at once where the block is what it should be, else one after the other.

At once is several times as fast, which is what following a busy log costs. It looks at every line's end, which states
the leaf, and at how many lines there are, but only the first and the last of the numbers; the others are looked at
when the segment is sealed.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Sequence
from typing import NamedTuple

import orjson

from guard.journal.chain import TAIL_BYTES, split

MARK = b'"kind":"mark"'
MARK_BYTES = 256
HEAD_BYTES = 64

_TAIL = re.compile(rb',"chain":"([A-Za-z0-9+/]{43}=)"}\n')


class Found(NamedTuple):
    """Leaves in their order; records before number `durable` are on disk, as the marks among them say."""

    leaves: list[bytes]
    durable: int


def find(block: bytes, ends: Sequence[int], first: int) -> Found:
    """The leaves of the lines that end at `ends`, up to the first that is not the record to come, from `first` on."""
    leaves = at_once(block, ends, first)
    if leaves is None:
        leaves = one_by_one(block, ends, first)
    return Found(leaves, _durable(block, ends[: len(leaves)], first))


def at_once(block: bytes, ends: Sequence[int], first: int) -> list[bytes] | None:
    """The leaves of all lines; None: they are not all records, or are not as many as their numbers say."""
    last = ends[-2] if len(ends) > 1 else 0
    if not block.startswith(b'{"seq":%d,' % first) or not block.startswith(
        b'{"seq":%d,' % (first + len(ends) - 1), last
    ):
        return None
    tails = b"".join([block[end - TAIL_BYTES - 1 : end] for end in ends])
    chains = _TAIL.findall(tails)
    return [a2b_base64(chain) for chain in chains] if len(chains) == len(ends) else None


def one_by_one(block: bytes, ends: Sequence[int], first: int) -> list[bytes]:
    """The leaves of the lines before the first that is not the record to come."""
    leaves: list[bytes] = []
    begin = 0
    for end in ends:
        entry = split(block[begin:end])
        if entry is None or entry.seq != first + len(leaves):
            break
        leaves.append(entry.chain)
        begin = end
    return leaves


def _durable(block: bytes, ends: Sequence[int], first: int) -> int:
    """What the marks say; none says it of itself."""
    durable = 0
    begin = 0
    for seq, end in enumerate(ends, first):
        if end - begin < MARK_BYTES and MARK in block[begin : begin + HEAD_BYTES]:
            durable = max(durable, min(_marked(block[begin:end]) + 1, seq))
        begin = end
    return durable


def _marked(line: bytes) -> int:
    """The last record that a mark says is on disk."""
    try:
        durable = orjson.loads(line).get("durable")
    except orjson.JSONDecodeError:
        return -1
    return durable if isinstance(durable, int) else -1
