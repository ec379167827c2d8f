"""A streamed answer cut into frames: server-sent events (WHATWG HTML, section 9.2.6), lines, or pieces as they come."""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from typing import NamedTuple

LINE_TYPES = frozenset(
    {b"application/x-ndjson", b"application/jsonl", b"application/jsonlines", b"application/stream+json"}
)
BINARY_TYPES = (b"image/", b"audio/", b"video/")
BLANK_LINE = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))")
LONGEST_BLANK_LINE = 4
LIMIT = 1_048_576
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
EVENT_NAME = re.compile(rb"event: ?[a-z_.]{1,64}")


class Frame(NamedTuple):
    """One event as it came: its bytes, with the blank line that ends it, its data, and what stands beside the data.

    `aside` is everything else that a client could read: comments, ids, lines that are no field. The name of an event is
    a word of its API.
    """

    raw: bytes
    data: bytes
    aside: bytes = b""


class Events:
    """Splits a stream into events; what has not ended yet waits in `rest`, at most `limit` bytes of it."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.rest = bytearray()
        self.limit = limit

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes, give the events that they complete.

        Raises:
            ValueError: an event is longer than `limit` bytes.
        """
        rest = self.rest
        unsearched = max(len(rest) - LONGEST_BLANK_LINE, 0)
        text: bytes | bytearray = data
        if rest:
            rest += data
            text = rest
        frames = []
        start = 0
        while (blank := BLANK_LINE.search(text, unsearched)) is not None:
            end = blank.end()
            if end == len(text) and text.endswith(b"\r"):
                break  # its LF may be still to come
            frames.append(_frame(bytes(text[start:end])))
            start = unsearched = end
        if text is rest:
            del rest[:start]
        else:
            self.rest += data[start:]
        if len(self.rest) > self.limit:
            raise ValueError(f"an event is longer than {self.limit} bytes")
        return frames

    def close(self) -> list[Frame]:
        """The stream has ended: an unfinished event counts as one, for clients may read it so."""
        rest, self.rest = bytes(self.rest), bytearray()
        return [_frame(rest)] if rest else []


class Lines:
    """Splits newline-delimited JSON, which some model servers stream instead of events."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.rest = bytearray()
        self.limit = limit

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes, give the lines that they complete; ValueError when a line is longer than `limit` bytes."""
        if b"\n" not in data:
            self.rest += data
            lines = []
        else:
            *lines, rest = (bytes(self.rest) + data).split(b"\n")
            self.rest = bytearray(rest)
        if len(self.rest) > self.limit:
            raise ValueError(f"a line is longer than {self.limit} bytes")
        return [Frame(line + b"\n", line.strip()) for line in lines]

    def close(self) -> list[Frame]:
        """The stream has ended: an unfinished line counts as one."""
        rest, self.rest = bytes(self.rest), bytearray()
        return [Frame(rest, rest.strip())] if rest else []


class Pieces:
    """A stream that is no events: text of any kind, read as it comes, or binary, which holds no text to match."""

    def __init__(self, *, text: bool) -> None:
        self._decoder = getincrementaldecoder("utf-8")(errors="replace") if text else None

    def feed(self, data: bytes) -> list[Frame]:
        """Every piece is a frame of its own."""
        return [Frame(data, data)]

    def close(self) -> list[Frame]:
        """Nothing is kept back here."""
        return []

    def texts(self, data: bytes) -> list[tuple[str, str]]:
        """The text of a piece, on one channel."""
        return [("", self._decoder.decode(data))] if self._decoder is not None else []


def splitter_for(kind: bytes, limit: int = LIMIT, *, events: bool = False) -> Events | Lines | Pieces:
    """The splitter for a content type (lower-case, without parameters).

    Args:
        kind: what the answer says it is.
        limit: bytes that one event or line may have.
        events: the client will read events, whatever it says.
    """
    if kind in LINE_TYPES:
        return Lines(limit)
    if kind == b"text/event-stream" or events:
        return Events(limit)
    return Pieces(text=not kind.startswith(BINARY_TYPES))


def _frame(raw: bytes) -> Frame:
    if raw.startswith(b"data: ") and raw.endswith(b"\n\n") and raw.count(b"\n") == 2 and b"\r" not in raw:
        return Frame(raw, raw[6:-2])
    data, aside = [], []
    # A byte order mark before the first event is no part of it (WHATWG HTML, section 9.2.5: UTF-8 decode).
    for line in raw.removeprefix(BYTE_ORDER_MARK).splitlines():
        name, _, value = line.partition(b":")
        if name == b"data":
            data.append(value.removeprefix(b" "))
        elif line and EVENT_NAME.fullmatch(line) is None:
            aside.append(line)
    return Frame(raw, b"\n".join(data), b"\n".join(aside))
