"""Files of lines, read in blocks that end where a line does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

BLOCK_BYTES = 4_194_304
LINE_BYTES = 1_073_741_824
"""No record is longer: what is, is damage, and is not read into memory."""


def line_ends(block: bytes) -> list[int]:
    """Where the whole lines of a block end: behind their newlines."""
    found = []
    at = 0
    while at := block.find(b"\n", at) + 1:  # a third of what splitting the block costs
        found.append(at)
    return found


def blocks(file: BinaryIO, size: int = BLOCK_BYTES, most: int = LINE_BYTES) -> Iterator[bytes]:
    """A file from where it is on, in blocks of whole lines of about `size` bytes.

    The last block ends as the file does; one that ends without a newline although the file goes on is a line longer
    than `most`.
    """
    begun: list[bytes] = []
    waiting = 0
    while piece := file.read(size):
        cut = piece.rfind(b"\n") + 1
        if cut:
            yield b"".join((*begun, piece[:cut]))
            begun, waiting = [], 0
        if cut < len(piece):
            begun.append(piece[cut:])
            waiting += len(piece) - cut
        if waiting > most:
            break
    if begun:
        yield b"".join(begun)
