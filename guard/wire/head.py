"""Header fields that were parsed and checked once: clients repeat them with every request, models with every answer.

A connection keeps the last head it saw, and when the next one has the same fields everything derived from it is there
already. ``Content-Length`` is not among the fields: it changes from message to message and is framing, which ends here.
"""

from __future__ import annotations

import re
from typing import Any

from guard.exchange import Headers
from guard.wire.framing import check_connection, check_fields
from guard.wire.headers import dropped_by_connection, returned

# Any charset but those in which ASCII is ASCII.
FOREIGN_CHARSET = re.compile(
    rb"charset\s*=\s*[\"']?(?!utf-?8\b|us-ascii|ascii|iso-8859-|latin-?1|windows-125|cp125)[a-z0-9]", re.IGNORECASE
)


class RequestHead:
    """The fields of a request, legal by `check_fields`.

    Attributes:
        headers: as they came, names in lower case, without ``Content-Length``.
        fields: the same, for looking up those that stand only once.
        closes: ``Connection`` asks for a close, whatever else it says (RFC 9112, section 9.3).
        for_model: the header lines to forward, by what they were made for; filled in as they are needed.
        caller: who it is that sends them, by which version of the policy: set and used by who tells that.
        blocked: what of that caller is blocked, by the number of the blocks: likewise.
        secrets: what of them must not be stored: likewise.
        limited: where it is counted: likewise.
    """

    __slots__ = (
        "blocked", "caller", "chunked", "closes", "expects", "fields", "for_model", "headers", "limited", "secrets",
        "version",
    )  # fmt: skip

    def __init__(self, headers: Headers, version: str) -> None:
        """Check and keep; raises Refusal for what no legal request has."""
        self.headers = headers
        self.version = version
        self.fields = fields = dict(headers)
        check_fields(headers, fields, version)
        self.chunked = b"transfer-encoding" in fields
        listed = dropped_by_connection(headers) if b"connection" in fields else frozenset()
        check_connection(listed)
        self.closes = b"close" in listed
        self.expects = b"expect" in fields
        self.for_model: dict[Any, bytes] = {}
        self.caller: tuple[int, str, Any, str | None] | None = None
        self.blocked: tuple[int, Any] | None = None
        self.secrets: Any = None
        self.limited: Any = None

    def value(self, name: bytes) -> bytes | None:
        """What a field says; of several of the name their values with commas between them (RFC 9110, section 5.3)."""
        if name not in self.fields or len(self.fields) == len(self.headers):
            return self.fields.get(name)
        return b", ".join([value for field, value in self.headers if field == name])

    def retyped(self, content_type: bytes) -> RequestHead:
        """The same fields, but for the type of the body."""
        fields = [(name, content_type if name == b"content-type" else value) for name, value in self.headers]
        return RequestHead(fields, self.version)


class AnswerHead:
    """The fields of a model's answer.

    Attributes:
        lines: the header lines that are the client's to see.
        kind: content type, lower case, without parameters.
        coding: transfer coding, lower case; empty: none.
        closes: ``Connection`` announces a close, whatever else it says.
        illegible: the body is in a content coding, although none was asked for, or in a charset in which rules find
            nothing.
    """

    __slots__ = ("closes", "coding", "headers", "illegible", "kind", "lines")

    def __init__(self, headers: Headers) -> None:
        fields = dict(headers)
        self.headers = headers
        listed = dropped_by_connection(headers) if b"connection" in fields else frozenset()
        self.closes = b"close" in listed
        self.lines = returned(headers, listed)
        self.kind = fields.get(b"content-type", b"").partition(b";")[0].strip().lower()
        self.coding = b",".join([value.lower() for name, value in headers if name == b"transfer-encoding"])
        # Of several lines any may be the one that a client goes by.
        codings = [value.strip().lower() for name, value in headers if name == b"content-encoding"]
        self.illegible = any(coding not in {b"identity", b""} for coding in codings) or any(
            FOREIGN_CHARSET.search(value) for name, value in headers if name == b"content-type"
        )
