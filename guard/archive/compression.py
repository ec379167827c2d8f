"""Zstandard frames (RFC 8878): one after the other they are a file that any zstd decompresses."""

from __future__ import annotations

import sys

if sys.version_info >= (3, 14):
    from compression import zstd as zstd
else:
    from backports import zstd as zstd

LEVEL = 1
SKIPPABLE = b"\x50\x2a\x4d\x18"
"""What a frame begins with that holds something else, which decompressing leaves out (section 3.1.2)."""
SKIPPABLE_HEADER = len(SKIPPABLE) + 4
SKIPPABLE_BYTES = 2**32 - 1

_OPTIONS: dict[int, int] = {
    zstd.CompressionParameter.compression_level: LEVEL,
    zstd.CompressionParameter.checksum_flag: 1,
}


class FrameError(ValueError):
    """Bytes are not the frame that they should be; the message says why."""


def compress(data: bytes) -> bytes:
    """One frame that states its size and a checksum."""
    return zstd.compress(data, options=_OPTIONS)


def decompress(frame: bytes, size: int) -> bytes:
    """What is in one frame, which must be `size` bytes; more than that is never made.

    Raises:
        FrameError: it is no frame, or not one of that size.
    """
    decompressor = zstd.ZstdDecompressor()
    try:
        data = decompressor.decompress(frame, max_length=size + 1)
    except zstd.ZstdError as error:
        raise FrameError(f"it cannot be decompressed ({str(error).lower().rstrip('.')})") from None
    if len(data) > size:
        raise FrameError(f"it holds more than the {size} bytes that it should")
    if not decompressor.eof and len(data) == size:
        raise FrameError("it is cut off before its end")
    if len(data) < size:
        raise FrameError(f"it holds {len(data)} bytes instead of {size}")
    if decompressor.unused_data:
        raise FrameError(f"there are {len(decompressor.unused_data)} bytes behind its end")
    return data


def most(size: int) -> int:
    """The most bytes that a frame of so many bytes can take."""
    return size + (size >> 7) + 1_024


def skippable_header(size: int) -> bytes:
    """What `size` bytes (at most `SKIPPABLE_BYTES`) begin with that decompressing shall leave out."""
    return SKIPPABLE + size.to_bytes(4, "little")
