"""The guard's own format: a JSON object a line, with everything that a block has."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import orjson

from guard.blocklists.entry import Entry, Gathered, LeftOut, Listed, is_time, reason_of, shown, text_of
from guard.changes import CALLERS
from guard.wire.naming import NAMING

FINGERPRINT = re.compile(r"[0-9a-f]{16}")
_MEMBERS = {"kind", "value", "simulated", "expires", "reason", "incident"}


class _WrongError(Exception):
    """What is wrong in a line, and what was expected."""


def read(data: bytes, now: float) -> Listed:
    """Read a list.

    Raises:
        ListError: it has mistakes; each is told with its line.
    """
    found = Gathered(now)
    for number, line in enumerate(text_of(data).split("\n"), 1):
        if not line.strip():
            continue
        try:
            found.add(_entry(orjson.loads(line)))
        except orjson.JSONDecodeError:
            found.wrong(f"line {number}", "this is no JSON", "an object with `kind` and `value`")
        except _WrongError as error:
            found.wrong(f"line {number}", *error.args)
    return found.listed()


def write(entries: Iterable[Entry]) -> tuple[bytes, list[LeftOut]]:
    """A list of all of them."""
    lines = (orjson.dumps({name: getattr(one, name) for name in Entry._fields if name in _MEMBERS}) for one in entries)
    return b"".join(line + b"\n" for line in lines), []


def _entry(row: Any) -> Entry:
    if not isinstance(row, dict) or not isinstance(row.get("kind"), str) or not isinstance(row.get("value"), str):
        raise _WrongError("it has no kind or no value", "an object with `kind` and `value`")
    if other := row.keys() - _MEMBERS:
        raise _WrongError(f"there is no member {shown(min(other))}", f"any of {', '.join(sorted(_MEMBERS))}")
    simulated, expires, incident = row.get("simulated", False), row.get("expires"), row.get("incident")
    if not isinstance(simulated, bool):
        raise _WrongError(f"simulated is {shown(simulated)}", "true or false")
    if expires is not None and not is_time(expires):
        raise _WrongError(f"expires is {shown(expires)}", "null, or seconds since the epoch")
    if incident is not None and not (isinstance(incident, str) and 0 < len(incident) <= 256):
        raise _WrongError(f"incident is {shown(incident)}", "null, or a name")
    kind, value = row["kind"], row["value"]
    return Entry(kind, _name(kind, value), simulated, expires, reason_of(row.get("reason")), incident)


def _name(kind: str, value: str) -> str:
    if kind not in CALLERS:
        raise _WrongError(f"there is no kind {shown(kind)}", f"one of {', '.join(CALLERS)}")
    if kind == "key" and FINGERPRINT.fullmatch(value) is None:
        raise _WrongError("its value is no fingerprint", "16 hexadecimal digits, as client.key in the journal")
    if not 0 < len(value) <= 256:
        raise _WrongError("its value is empty, or too long", "up to 256 characters")
    try:
        return NAMING[kind](value) if kind in NAMING else value
    except ValueError as error:
        raise _WrongError(*str(error).split("; expected ", 1)) from None
