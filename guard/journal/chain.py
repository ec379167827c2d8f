"""The chain that binds a log's records to their order: no record can be changed, left out or moved unseen.

A record is one line of JSON. Its first member is ``seq``, its number in its log from 0 on; its last is ``chain``, the
hash of all that stands before it in the line and of the record before::

    {"seq":7,"kind":"prompt", … ,"chain":"xUkQ…="}
    └──────── entry ─────────┘

    chain(n) = SHA-256(0x00 ‖ chain(n - 1) ‖ entry(n)),  chain(-1) = 32 zero bytes, written in base64

With that a record is also a leaf of a Merkle tree (RFC 6962, section 2.1): its data are the chain before it and its
entry, and its leaf hash is its chain.
"""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64
from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple

HASH_BYTES = 32
TAIL_BYTES = len(b',"chain":"') + 44 + len(b'"}')
"""How long a line's end is that is no part of the entry, without the newline."""

MOST_DIGITS = 18
ZERO = ord("0")

_HEAD = b'{"seq":'
_TAIL = b',"chain":"'


class Position(NamedTuple):
    """A place in a log: the number that the next record has, and the chain of the one before it."""

    seq: int
    chain: bytes


BEGINNING = Position(0, bytes(HASH_BYTES))


class Entry(NamedTuple):
    """A record taken apart: its number, the bytes that its chain covers, and the chain that it states."""

    seq: int
    data: bytes
    chain: bytes


def link(record: bytes, after: Position) -> tuple[bytes, Position]:
    """Make a record (a JSON object with members, without a newline) the next line of a log; and where that is then."""
    return bind((record,), after)


def bind(records: Iterable[bytes], after: Position) -> tuple[bytes, Position]:
    """`link` for several records at once, as one piece."""
    seq, chain = after
    pieces: list[bytes] = []
    for record in records:
        data = b'{"seq":%d,%b' % (seq, record[1:-1])
        chain = sha256(b"\0" + chain + data).digest()
        pieces += data, b',"chain":"', b2a_base64(chain, newline=False), b'"}\n'
        seq += 1
    return b"".join(pieces), Position(seq, chain)


def tail(chain: bytes) -> bytes:
    """The end of a record's line that states its chain."""
    return _TAIL + b2a_base64(chain, newline=False) + b'"}'


def unbind(data: bytes) -> list[bytes]:
    """The records that `bind` was given."""
    return [b"{%b}" % line[line.index(b",") + 1 : -TAIL_BYTES] for line in data.split(b"\n")[:-1]]


def split(line: bytes) -> Entry | None:
    """Take a line (with or without its newline) apart; None if it is no record. What it states is not checked."""
    line = line.removesuffix(b"\n")
    cut = len(line) - TAIL_BYTES
    number = line[len(_HEAD) : line.find(b",", 0, MOST_DIGITS + len(_HEAD) + 1)]
    if not (line.startswith(_HEAD) and line.startswith(_TAIL, cut) and line.endswith(b'"}') and number.isdigit()):
        return None
    try:
        chain = a2b_base64(line[cut + len(_TAIL) : -2], strict_mode=True)
    except Error:
        return None
    if len(chain) != HASH_BYTES or (number[0] == ZERO and len(number) > 1):
        return None
    return Entry(int(number), line[:cut], chain)


def leaf(chain: bytes, data: bytes) -> bytes:
    """The chain of a record, from the chain before it and its entry."""
    return sha256(b"\0" + chain + data).digest()
