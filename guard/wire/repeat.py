"""Messages whose head is, but for ``Content-Length``, the one before it byte for byte: what was decided holds again.

A client sends the same head with every request on a connection, a model with every answer within a second. Such a
head needs no parser: it was parsed, and found legal, when it came first.
"""

from __future__ import annotations

import re

LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(0|[1-9][0-9]{0,9})\r\n", re.IGNORECASE)
MAX_DIGITS = 10


class Repeat:
    """A head that may come again: its bytes before the digits of ``Content-Length``, and those after."""

    __slots__ = ("after", "before")

    def __init__(self, before: bytes, after: bytes) -> None:
        self.before = before
        self.after = after

    def body_of(self, data: bytes) -> bytes | None:
        """The body, if `data` is exactly one message with this head; else None, and a parser has to look at it."""
        before = self.before
        if not data.startswith(before):
            return None
        start = len(before)
        end = data.find(b"\r", start, start + MAX_DIGITS + 1)
        digits = data[start:end]
        # A leading zero or a sign is for the parser to judge.
        if (
            end < 0
            or not digits.isdigit()
            or not data.startswith(self.after, end)
            or (digits[0] == 48 and len(digits) > 1)
        ):
            return None
        body = data[end + len(self.after) :]
        return body if len(body) == int(digits) else None


def repeat_of(data: bytes) -> Repeat | None:
    """What to look for after a message that was `data`, from its first byte; None if no number tells its length."""
    end = data.find(b"\r\n\r\n")
    head = data[: end + 4]
    found = LENGTH.search(head)
    if end < 0 or found is None:
        return None
    return Repeat(head[: found.start(1)], head[found.end(1) :])
