"""Content codings of requests (RFC 9110, section 8.4.1): one is undone, under bounds, and then it is gone.

A body has one meaning only if it is one stream. So a second member or frame, and anything else behind the first one's
end, is refused, although gzip (RFC 1952) and zstd (RFC 8878) allow it.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable
from typing import Protocol

import brotli

from guard.config import Http
from guard.refusal import Refusal

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ACCEPTED = b"gzip, deflate, br, zstd"
ALWAYS_ALLOWED = 1_048_576
"""Bytes that a body may have when it is decoded, whatever the ratio: what is as small as that does no harm."""

STEP = 65_536  # bytes: what is taken in at a time, and about what is given out at a time
GZIP_WINDOW, ZLIB_WINDOW, RAW_WINDOW = 31, 15, -15  # zlib's way to name the three wrappings of one format
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
ZSTD_WINDOW_LOG = 23  # 8 MiB, the largest window that a sender may ask for (RFC 9659)


class Decoder(Protocol):
    """One stream being decoded.

    `hungry`: it has given out all it can; `ended`: the end of the stream was seen; `rest`: what stood behind that.
    """

    @property
    def hungry(self) -> bool: ...

    @property
    def ended(self) -> bool: ...

    @property
    def rest(self) -> bytes: ...

    def take(self, data: bytes) -> bytes:
        """Return the next bytes, about `STEP` at most; `data` is empty unless it is hungry."""


def decode(coding: bytes, body: bytes, bounds: Http) -> bytes:
    """Undo a content coding, named in lower case.

    Raises:
        Refusal: 415 for a coding that is not known, or is more than one; 413 when what comes out is over
            `bounds.body_bytes`, or over `bounds.decoded_ratio` times what came; 400 for what is not one whole stream.
    """
    make = DECODERS.get(coding)
    if make is None:
        raise Refusal(
            415,
            "unsupported_content_encoding",
            "the content encoding is none of gzip, deflate, br and zstd, or more than one",
            headers=((b"accept-encoding", ACCEPTED),),
        )
    most = max(bounds.decoded_ratio * len(body), ALWAYS_ALLOWED)
    try:
        decoded = _gather(make(body), body, min(most, bounds.body_bytes))
    except (BadStream, zlib.error, brotli.error, zstd.ZstdError) as error:
        message = f"the body is not one whole {coding.decode()} stream: {error}"
        raise Refusal(400, "body_not_decodable", message) from None
    if decoded is None:
        why = f"{bounds.decoded_ratio} times its size" if most < bounds.body_bytes else f"{bounds.body_bytes} bytes"
        raise Refusal(413, "body_too_large", f"the body is over {why} when it is decoded")
    return decoded


class BadStream(ValueError):
    """The stream is not whole, or not alone."""


def _gather(decoder: Decoder, body: bytes, most: int) -> bytes | None:
    """What the decoder makes of a body; None as soon as it is over `most`."""
    decoded = bytearray()
    start = 0
    while not decoder.ended:
        data = b""
        if decoder.hungry:
            if start >= len(body):
                raise BadStream("its end is missing")
            data = body[start : start + STEP]
            start += STEP
        decoded += decoder.take(data)
        if len(decoded) > most:
            return None
    if decoder.rest or start < len(body):
        raise BadStream("something follows its end")
    return bytes(decoded)


class _Inflate:
    """DEFLATE (RFC 1951) in one of its wrappings."""

    def __init__(self, window: int) -> None:
        self._zlib = zlib.decompressobj(window)
        self.hungry = True

    def take(self, data: bytes) -> bytes:
        piece = self._zlib.decompress(self._zlib.unconsumed_tail + data, STEP)
        # With its input used up it may still owe the rest of a long repeat.
        self.hungry = not self._zlib.unconsumed_tail and len(piece) < STEP
        return piece

    @property
    def ended(self) -> bool:
        return self._zlib.eof

    @property
    def rest(self) -> bytes:
        return self._zlib.unused_data


class _Brotli:
    """Brotli (RFC 7932). Its library takes anything behind the end for an error."""

    rest = b""

    def __init__(self) -> None:
        self._brotli = brotli.Decompressor()
        self.hungry = True

    def take(self, data: bytes) -> bytes:
        piece: bytes = self._brotli.process(data, output_buffer_limit=STEP)
        self.hungry = self._brotli.can_accept_more_data() and len(piece) < STEP
        return piece

    @property
    def ended(self) -> bool:
        return bool(self._brotli.is_finished())


class _Zstd:
    """One frame of zstd (RFC 8878) that needs no dictionary."""

    def __init__(self) -> None:
        self._zstd = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: ZSTD_WINDOW_LOG})

    def take(self, data: bytes) -> bytes:
        return self._zstd.decompress(data, max_length=STEP)

    @property
    def hungry(self) -> bool:
        return self._zstd.needs_input

    @property
    def ended(self) -> bool:
        return self._zstd.eof

    @property
    def rest(self) -> bytes:
        return self._zstd.unused_data


def _deflate(body: bytes) -> Decoder:
    """The zlib format (RFC 1950); without its header it is taken for bare DEFLATE, as some clients send it."""
    wrapped = len(body) >= 2 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
    return _Inflate(ZLIB_WINDOW if wrapped else RAW_WINDOW)


def _zstd(body: bytes) -> Decoder:
    if not body.startswith(ZSTD_MAGIC):
        raise BadStream("it does not begin with a zstd frame")  # a skippable one would decode to nothing
    return _Zstd()


DECODERS: dict[bytes, Callable[[bytes], Decoder]] = {
    b"gzip": lambda _body: _Inflate(GZIP_WINDOW),
    b"x-gzip": lambda _body: _Inflate(GZIP_WINDOW),
    b"deflate": _deflate,
    b"br": lambda _body: _Brotli(),
    b"zstd": _zstd,
}
