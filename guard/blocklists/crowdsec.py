"""CrowdSec's decisions: JSON as its local API and ``cscli decisions list`` give them, and JSON and CSV as ``cscli
decisions import`` takes them (https://docs.crowdsec.net/docs/cscli/cscli_decisions_import/).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from guard.blocklists.entry import (
    Entry,
    Gathered,
    LeftOut,
    Listed,
    ListError,
    Problem,
    document_of,
    moment,
    reason_of,
    shown,
    text_of,
    timestamp,
)
from guard.wire.naming import network

UNITS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
FOREVER = "87600h"
"""Ten years: their decisions all end."""

_PART = r"[0-9]{1,12}(?:\.[0-9]{1,12})?(?:ms|us|µs|ns|d|h|m|s)"
_DURATION = re.compile(rf"(-?)((?:{_PART}){{1,8}})")
_PARTS = re.compile(r"([0-9.]+)(ms|us|µs|ns|d|h|m|s)")
_SCOPES = ("ip", "range")

Row = dict[str, Any]


def read(data: bytes, now: float) -> Listed:
    """Read decisions.

    Raises:
        ListError: they have mistakes; each is told with its line or its place in the document.
    """
    found = Gathered(now)
    text = data.removeprefix(b"\xef\xbb\xbf").strip()
    is_json = text[:1] in (b"[", b"{") or text == b"null"
    for place, row in _rows(document_of(data), found) if is_json else _lines(text_of(data)):
        _take(place, row, found)
    return found.listed()


def write(entries: Iterable[Entry], now: float) -> tuple[bytes, list[LeftOut]]:
    """Decisions of those that are addresses or networks; and what has no place among them."""
    rows: list[Row] = []
    left_out: list[LeftOut] = []
    for entry in entries:
        if entry.kind != "ip":
            left_out.append(LeftOut(f"{entry.kind} {entry.value}", "CrowdSec has no scope for it"))
        elif entry.simulated:
            left_out.append(LeftOut(f"ip {entry.value}", "it is simulated, and an import by cscli would enforce it"))
        else:
            rows.append(_row(entry, now))
    return orjson.dumps(rows, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE), left_out


def duration(text: object) -> float | None:
    """A duration as Go writes it (``3h59m12.5s``), in seconds, and below zero what is over; None: it is none."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    seconds = sum(float(number) * UNITS[unit] for number, unit in _PARTS.findall(match[2]))
    return -seconds if match[1] else seconds


def _rows(document: Any, found: Gathered) -> Iterator[tuple[str, Any]]:
    """Every decision of a document: of a list of them or of alerts, or of a stream's new ones."""
    if isinstance(document, dict) and {"new", "deleted"} & document.keys():
        for number, row in enumerate(_list("deleted", document.get("deleted"))):
            value = row.get("value") if isinstance(row, dict) else row
            found.leave_out(f"deleted[{number}]", f"{shown(value)} is to be served again, which an import does not do")
        document = _list("new", document.get("new"))
    elif isinstance(document, dict):
        document = [document]
    for number, row in enumerate(_list("the document", document)):
        if isinstance(row, dict) and "decisions" in row:
            place = f"[{number}].decisions"
            yield from ((f"{place}[{inner}]", one) for inner, one in enumerate(_list(place, row["decisions"])))
        else:
            yield f"[{number}]", row


def _list(place: str, value: Any) -> list[Any]:
    """A list of a document; where there is nothing, there are none.

    Raises:
        ListError: it is something else.
    """
    if value is not None and not isinstance(value, list):
        raise ListError([Problem(place, "it is no list", "decisions, or alerts with decisions")])
    return value or []


def _lines(text: str) -> Iterator[tuple[str, Row]]:
    """Every decision of a CSV file with a header line."""
    reader = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)
    try:
        names = [name.strip() for name in reader.fieldnames or ()]
        reader.fieldnames = names
        if "value" not in names:
            raise ListError(
                [Problem("line 1", "no column is called value", "a header line such as duration,scope,value")]
            )
        for row in reader:
            yield f"line {reader.line_num}", {name: text for name, text in row.items() if name and text}
    except csv.Error as error:
        raise ListError([Problem(f"line {reader.line_num}", f"this is no CSV ({error})", "CSV")]) from None


def _take(place: str, row: Any, found: Gathered) -> None:
    value = row.get("value") if isinstance(row, dict) else None
    if not isinstance(value, str) or not value.strip():
        found.wrong(place, "it has no value", "a decision with `value`, and any of `scope`, `type`, `duration`")
        return
    scope, kind = row.get("scope") or "Ip", row.get("type") or "ban"
    if str(scope).lower() not in _SCOPES:
        found.leave_out(place, f"the scope {shown(scope)} is none that the guard has")
        return
    if str(kind).lower() != "ban":
        found.leave_out(place, f"the guard cannot do {shown(kind)}, only ban")
        return
    try:
        name = network(value.strip())
    except ValueError:
        found.wrong(place, f"{shown(value)} is no address or network", "e.g. 203.0.113.9, 203.0.113.0/24")
        return
    expires = _expires(row, found.now)
    if expires is None and (row.get("until") or row.get("duration")):
        told = row.get("until") or row.get("duration")
        found.wrong(
            place, f"{shown(told)} is no time", "a duration such as 3h59m12s, and as `until` a time of RFC 3339"
        )
        return
    reason = reason_of(row.get("scenario") or row.get("reason"))
    found.add(Entry("ip", name, row.get("simulated") in (True, "true"), expires, reason))


def _expires(row: Row, now: float) -> float | None:
    if row.get("until"):
        return moment(row["until"])
    seconds = duration(row["duration"]) if row.get("duration") else None
    return now + seconds if seconds is not None else None


def _row(entry: Entry, now: float) -> Row:
    row: Row = {
        "duration": FOREVER,
        "origin": "guard",
        "reason": entry.reason or "guard",
        "scope": "Range" if "/" in entry.value else "Ip",
        "type": "ban",
        "value": entry.value,
    }
    if entry.expires is not None:
        hours, seconds = divmod(max(round(entry.expires - now), 1), 3_600)
        row["duration"] = f"{hours}h{seconds // 60}m{seconds % 60}s"
        row["until"] = timestamp(entry.expires)
    return row
