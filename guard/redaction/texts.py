"""The texts of a record, and those within them: what looks like JSON has strings of its own, with escapes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from guard.formats.names import NAMES
from guard.formats.walk import NUMBERS
from guard.redaction.rules import Field, at, written
from guard.wire.body import BadBody, parse

Record = dict[str, Any]

DENSE = 100_000
"""Quotation marks or backslashes in a document; beyond them nobody looks at its strings one by one."""

ESCAPE = re.compile(r"\\+(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def texts_of(record: Record) -> list[str]:
    """Every text of a record that comes from outside."""
    texts: list[str] = []
    for part, names in (
        (record, ("body", "text")),
        (record.get("request"), ("path", "body")),
        (record.get("response"), ("body",)),
        (record.get("session"), ("reason",)),
    ):
        if part is not None:
            texts += [text for name in names if type(text := part.get(name)) is str]
    texts += record.get("prompt") or ()
    for item in record.get("output") or ():
        texts += [item] if type(item) is str else item
    texts += [error for attempt in record.get("attempts") or () if (error := attempt["error"]) is not None]
    return texts


def bodies_of(record: Record) -> list[str]:
    """The texts of a record that may be documents of the API."""
    found = [record.get("body"), record.get("text")]
    found += [record[part].get("body") for part in ("request", "response") if part in record]
    return [text for text in found if type(text) is str]


def has_fields(text: str, fields: Sequence[Field]) -> bool:
    """Whether any of these fields may be in a text: it is there, or nobody can tell."""
    if not looks_like_json(text):
        return False
    try:
        document, _ = parse(text.encode("utf-8", "surrogatepass"))
    except BadBody:
        return True
    return any(True for field in fields for _ in at([document], ("0", *field.tokens)))


def looks_like_json(text: str) -> bool:
    """Whether the text is a document or events, or is meant to be."""
    return text.startswith(("{", "[", '"', "data:", "event:")) or text.lstrip().startswith(("{", "[", '"'))


def dense(text: str) -> bool:
    """Whether a document has so many strings or escapes that looking at each would take too long."""
    return len(text) > DENSE and (text.count('"') > DENSE or text.count("\\") > DENSE)


def leaves(text: str) -> list[str]:
    """Every string and number in what looks like JSON, decoded; in what is no document, whatever it may be read as."""
    try:
        document, _ = parse(text.encode("utf-8", "surrogatepass"))
    except BadBody:
        return [text, unescaped(text)]
    found: list[str] = []
    stack = [document]
    while stack:
        value = stack.pop()
        kind = type(value)
        if kind is str:
            found.append(value)
            if "\\" in value and looks_like_json(value):
                found += leaves(value)
        elif kind is dict:
            found += [key for key in value if key not in NAMES]
            stack += value.values()
        elif kind is list:
            if NUMBERS.issuperset(map(type, value)):
                found.append(orjson.dumps(value).decode())
            else:
                stack += value
        elif kind is int or kind is float:
            found.append(written(value))
    return found


def unescaped(text: str) -> str:
    """What a text says if the escapes in it are JSON's, however often it was put into strings."""
    return ESCAPE.sub(lambda escape: chr(int(escape[1], 16)) if escape[1] else CONTROLS.get(escape[2], escape[2]), text)


def strings(value: Any) -> Iterator[str]:
    """Every string in a value."""
    stack = [value]
    while stack:
        one = stack.pop()
        if type(one) is str:
            yield one
        elif type(one) is dict:
            stack += one.values()
        elif type(one) is list:
            stack += one
