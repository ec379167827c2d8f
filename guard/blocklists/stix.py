"""Bundles of STIX 2.1 (OASIS): the indicators in them whose patterns name addresses or user agents."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid4, uuid5

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
    timestamp,
)
from guard.blocklists.pattern import AGENT_PATH, UnsupportedError, named, quoted

NAMESPACE = UUID("6f1d6a0e-0f4c-4f0a-9a0e-3f2a6a1f9c57")
"""Of the ids of indicators, so that the same block is the same indicator in every export."""

Object = dict[str, Any]


def read(data: bytes, now: float) -> Listed:
    """Read a bundle; objects in it that are no indicators say nothing of whom to block.

    Raises:
        ListError: it has mistakes; each is told with its place in the bundle.
    """
    bundle = document_of(data)
    objects = bundle.get("objects", []) if isinstance(bundle, dict) else None
    if not isinstance(objects, list) or bundle.get("type", "bundle") != "bundle":
        raise ListError([Problem("the document", "it is no bundle", "a STIX 2.1 bundle with `objects`")])
    found = Gathered(now)
    for number, one in enumerate(objects):
        if not isinstance(one, dict):
            found.wrong(f"objects[{number}]", "it is no object", "a STIX object")
        elif one.get("type") == "indicator":
            _take(f"objects[{number}] {shown(one.get('id'))}", one, found)
    return found.listed()


def write(entries: Iterable[Entry], now: float) -> tuple[bytes, list[LeftOut]]:
    """A bundle of those that are addresses, networks or user agents; and what has no place in it."""
    objects: list[Object] = []
    left_out: list[LeftOut] = []
    for entry in entries:
        pattern = _pattern(entry)
        if entry.simulated:
            left_out.append(
                LeftOut(f"{entry.kind} {entry.value}", "it is simulated, and an indicator is a reason to act")
            )
        elif pattern is None:
            left_out.append(LeftOut(f"{entry.kind} {entry.value}", "a pattern of STIX cannot say it"))
        else:
            objects.append(_indicator(entry, pattern, now))
    bundle: Object = {"type": "bundle", "id": f"bundle--{uuid4()}"}
    if objects:
        bundle["objects"] = objects
    return orjson.dumps(bundle, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE), left_out


def _take(place: str, one: Object, found: Gathered) -> None:
    pattern, until, begins = one.get("pattern"), one.get("valid_until"), one.get("valid_from")
    confidence = one.get("confidence")
    if not isinstance(pattern, str):
        found.wrong(place, "it has no pattern", "an indicator with a `pattern`")
        return
    if (until is not None and moment(until) is None) or (begins is not None and moment(begins) is None):
        found.wrong(
            place, f"{shown(until if moment(begins or '1970-01-01') is not None else begins)} is no time", "RFC 3339"
        )
        return
    if confidence is not None and (type(confidence) is not int or not 0 <= confidence <= 100):
        found.wrong(place, f"its confidence is {shown(confidence)}", "a number from 0 to 100")
        return
    expires = moment(until) if until is not None else None
    if one.get("revoked") is True or (expires is not None and expires <= found.now):
        found.over += 1
    elif (moment(begins) or 0.0) > found.now:
        found.leave_out(place, f"it is valid only from {begins} on")
    elif one.get("pattern_type", "stix") != "stix":
        found.leave_out(place, f"its pattern is of the type {shown(one['pattern_type'])}, not stix")
    else:
        try:
            callers, others = named(pattern)
        except UnsupportedError as error:
            callers, others = [], [str(error)]
        for why in others:
            found.leave_out(place, why)
        reason = reason_of(one.get("name") or one.get("description"))
        for caller in callers:
            found.add(Entry(caller.kind, caller.value, False, expires, reason, confidence=confidence))


def _pattern(entry: Entry) -> str | None:
    if entry.kind == "ip":
        sign = "ISSUBSET" if "/" in entry.value else "="
        return f"[{'ipv6' if ':' in entry.value else 'ipv4'}-addr:value {sign} {quoted(entry.value)}]"
    if entry.kind != "agent":
        return None
    if not any(wild in entry.value for wild in "*?"):
        return f"[{AGENT_PATH} = {quoted(entry.value)}]"
    if any(wild in entry.value for wild in "%_"):
        return None
    return f"[{AGENT_PATH} LIKE {quoted(entry.value.replace('*', '%').replace('?', '_'))}]"


def _indicator(entry: Entry, pattern: str, now: float) -> Object:
    at = min(entry.at or now, now)
    indicator: Object = {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{uuid5(NAMESPACE, f'{entry.kind} {entry.value} {at}')}",
        "created": timestamp(at),
        "modified": timestamp(at),
        "name": f"{entry.kind} {entry.value}",
        "indicator_types": ["malicious-activity"],
        "pattern": pattern,
        "pattern_type": "stix",
        "valid_from": timestamp(at),
    }
    if entry.reason:
        indicator["description"] = entry.reason
    if entry.expires is not None:
        indicator["valid_until"] = timestamp(max(entry.expires, at + 0.001))
    return indicator
