"""A line of the journal, as far as a reader must know it before it takes the trouble to parse it."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import orjson

KINDS = frozenset(("prompt", "part", "frame", "outcome"))
"""The records that make an exchange; all others are not for who reads exchanges."""

_HEAD = re.compile(rb'\{"seq":([0-9]{1,18}),"kind":"([a-z]{1,32})"(?:,"id":"([ !#-\[\]-~]{1,256})")?')
_AT = re.compile(rb'\{"seq":[0-9]+,"kind":"[a-z]+","id":"[^"\\]*","at":([0-9]{1,12}(?:\.[0-9]{1,9})?),')
_ID = re.compile(r"([0-9a-f]{9,12})-[0-9a-f]+-[0-9a-f]+")


class Head(NamedTuple):
    """A record's number in its log, its kind, and the exchange's id (or nothing)."""

    seq: int
    kind: str
    id: str


def head(line: bytes) -> Head | None:
    """What a line is, or None if it is no record. Of a line as the guard writes it only the beginning is read."""
    found = _HEAD.match(line)
    if found is None:
        return _slowly(line)
    seq, kind, id_ = found.groups()
    if id_ is None and kind.decode() in KINDS:
        return _slowly(line)
    return Head(int(seq), kind.decode(), id_.decode() if id_ else "")


def parsed(line: bytes) -> dict[str, Any] | None:
    """A line as an object, or None if it is none."""
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return record if isinstance(record, dict) else None


def time_of(record: dict[str, Any]) -> float | None:
    """When a record says it was written, or an exchange began: seconds since the epoch, or None."""
    at = record.get("at")
    return float(at) if isinstance(at, int | float) and not isinstance(at, bool) else None


def starts(record: dict[str, Any]) -> bool:
    """Whether it says what was asked: a prompt, or the outcome of what was refused before it was forwarded."""
    return record["kind"] == "prompt" or "request" in record


def may_start(line: bytes, kind: str) -> bool:
    """Whether a line may be one that says what was asked; in a text the quotes would have a backslash."""
    return kind == "prompt" or (kind == "outcome" and b'"request":' in line)


def began_as(id_: str) -> float | None:
    """When an exchange began, as its id says; None: it is not one that the guard gave."""
    found = _ID.fullmatch(id_)
    return int(found[1], 16) / 1000 if found else None


def raw_time(line: bytes) -> float | None:
    """When an exchange began, from the raw line that says what was asked; None: only parsing it tells."""
    found = _AT.match(line)
    return float(found[1]) if found else None


def _slowly(line: bytes) -> Head | None:
    record = parsed(line)
    if record is None:
        return None
    seq, kind, id_ = record.get("seq"), record.get("kind"), record.get("id", "")
    if type(seq) is not int or not isinstance(kind, str) or not isinstance(id_, str) or (kind in KINDS and not id_):
        return None
    return Head(seq, kind, id_)
