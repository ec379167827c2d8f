"""Media types, read strictly and written anew (RFC 9110, sections 5.6.6 and 8.3.1)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from guard.wire.grammar import TOKEN

LONGEST = 1_024  # bytes; they are remembered, and strangers make them up
REMEMBERED = 64

# Without the escapes that quoted strings may have: servers differ in how they take them off.
QUOTED = r'"[\t !#-\[\]-~]*"'
_KIND = re.compile(rf"({TOKEN}/{TOKEN})[ \t]*")
_PARAMETER = re.compile(rf";[ \t]*(?:({TOKEN})=({TOKEN}|{QUOTED})[ \t]*)?")
_TOKEN = re.compile(TOKEN)

UTF8 = frozenset({"utf-8", "utf8", "us-ascii"})
"""Charsets that UTF-8 is read as: its own names, and the one that it contains."""


class BadMediaType(ValueError):
    """The field is no media type; the message says why."""


class MediaType(NamedTuple):
    """A media type: ``type/subtype`` and the names of its parameters in lower case."""

    kind: str
    parameters: dict[str, str]

    @property
    def is_utf8(self) -> bool:
        """Whether what it describes is UTF-8, if it is text: JSON has no other charset (RFC 8259, section 8.1)."""
        return self.parameters.get("charset", "utf-8").lower() in UTF8

    @property
    def is_binary(self) -> bool:
        """Whether it is of a kind that is no text, such as sound and pictures."""
        return self.kind in BINARY or (self.kind.startswith(BINARY_FAMILIES) and "+" not in self.kind)

    @property
    def is_text(self) -> bool:
        """Whether it is of a kind that is text."""
        return self.kind.startswith("text/") or TEXT.search(self.kind) is not None

    def __bytes__(self) -> bytes:
        """The field's value in one spelling. A charset is told as what it was read as."""
        parts = [self.kind]
        for name, value in self.parameters.items():
            value = "utf-8" if name == "charset" and self.is_utf8 else value
            parts.append(f"{name}={value}" if _TOKEN.fullmatch(value) else f'{name}="{value}"')
        return "; ".join(parts).encode()


BINARY_FAMILIES = ("audio/", "image/", "video/")
BINARY = frozenset({"application/octet-stream", "application/pdf", "application/zip", "application/gzip"})
TEXT = re.compile(r"[/+](?:json|jsonl|x-ndjson|xml|yaml|x-yaml|toml|csv|javascript|sql|rtf|x-sh|x-python-code)\Z")


@lru_cache(REMEMBERED)
def media_type(value: bytes) -> MediaType:
    """Read the value of a ``Content-Type`` field.

    Raises:
        BadMediaType: it is malformed, says a parameter twice, or is longer than 1,024 bytes.
    """
    if len(value) > LONGEST:
        raise BadMediaType(f"the content type is longer than {LONGEST} bytes")
    text = value.decode("latin-1")
    kind = _KIND.match(text)
    if kind is None:
        raise BadMediaType("the content type does not begin with type/subtype")
    parameters: dict[str, str] = {}
    at = kind.end()
    while at < len(text):
        parameter = _PARAMETER.match(text, at)
        if parameter is None:
            raise BadMediaType(f"the content type is malformed after {at} characters: expected `; name=value`")
        at = parameter.end()
        if parameter[1] is not None:
            name = parameter[1].lower()
            if name in parameters:
                raise BadMediaType(f"the content type's parameter {name} stands twice")
            parameters[name] = parameter[2].strip('"')
    return MediaType(kind[1].lower(), parameters)


def canonical(value: bytes) -> bytes:
    """The one spelling of a media type; what is none stays as it is."""
    try:
        return bytes(media_type(value))
    except BadMediaType:
        return value
