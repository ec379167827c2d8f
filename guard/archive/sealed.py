"""Reading sealed segments: whole, from a record on, or any part, without more in memory than a frame or two.

Nothing in the file is believed: a frame that is not as long as the manifest says is damage, however much it would
decompress to. While the plain file is still there, that is the one to read: the sealed one may be unfinished. The
manifest's own signature is verified by `guard.archive.manifest.opened`.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import Self

from guard.archive.compression import FrameError, decompress
from guard.archive.damage import Damage, Problem
from guard.archive.manifest import Manifest, manifest_of
from guard.journal.folder import SEALED, Segment, open_descriptor

KEPT_FRAMES = 2


class Sealed:
    """A sealed segment's file, open. `size` is how many bytes it has when it is decompressed."""

    def __init__(self, segment: Segment, manifest: Manifest | None = None) -> None:
        """Open it; without a manifest that was verified before, the one beside the file is believed.

        Raises:
            NoteError: the manifest is none, or that of another segment.
            OSError: the file or its manifest cannot be read.
        """
        self.segment = segment
        self.manifest = manifest_of(segment) if manifest is None else manifest
        self.size = self.manifest.plain
        self.name = f"{segment.log}/{segment.path(SEALED).name}"
        self._starts = [0, *accumulate(frame.plain for frame in self.manifest.frames)]
        self._kept: dict[int, bytes] = {}
        self._fd = open_descriptor(segment.path(SEALED))

    def frame(self, number: int) -> bytes:
        """A frame's whole lines.

        Raises:
            Damage: the file does not hold that frame.
            OSError: it cannot be read.
        """
        return self.decompress(number, self.raw(number))

    def raw(self, number: int) -> bytes:
        """A frame as it is in the file; it may be cut short where the file is.

        Raises:
            OSError: it cannot be read.
        """
        begin, end = self.manifest.bounds(number)
        return self._pread(begin, end)

    def frames(self, seq: int = 0) -> Iterator[bytes]:
        """The lines of one frame after the other, from that on which holds record `seq`.

        Raises:
            Damage: the file does not hold what its manifest says.
            OSError: it cannot be read.
        """
        for number in range(self.manifest.frame_of(seq), len(self.manifest.frames)):
            yield self.frame(number)

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from `start` up to `stop`, or to the end, of what the file decompresses to.

        Raises:
            Damage: the file does not hold what its manifest says.
            OSError: it cannot be read.
        """
        stop = min(stop, self.size)
        pieces = []
        number = bisect_right(self._starts, start) - 1
        while start < stop:
            begin, end = self._starts[number], self._starts[number + 1]
            pieces.append(self._frame_kept(number)[start - begin : stop - begin])
            start, number = end, number + 1
        return b"".join(pieces)

    def cuts(self, size: int) -> list[int]:
        """Where frames begin, about `size` bytes apart; the first is 0, the last the end."""
        found = [0]
        for start in self._starts[1:-1]:
            if start - found[-1] >= size:
                found.append(start)
        return [*found, self.size]

    def left_out(self) -> Iterator[bytes]:
        """The frame behind the records, in pieces: its header, and the bytes that did not count.

        Raises:
            OSError: it cannot be read.
        """
        at = self.manifest.frames_end
        while piece := self._pread(at, at + 1_048_576):
            yield piece
            at += len(piece)

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def decompress(self, number: int, raw: bytes) -> bytes:
        """The whole lines in a frame as it is in the file.

        Raises:
            Damage: it is not the frame that it should be.
        """
        frame = self.manifest.frames[number]
        try:
            data = decompress(raw, frame.plain)
        except FrameError as error:
            raise Damage(self._problem(number, f"frame {number} is damaged: {error}")) from None
        if not data.endswith(b"\n"):
            raise Damage(self._problem(number, f"frame {number} does not end where a line does"))
        return data

    def _problem(self, number: int, reason: str) -> Problem:
        frame = self.manifest.frames[number]
        where = f"{reason} (byte {frame.offset} of the file as it is)"
        return Problem(self.segment.log, where, frame.first, self.name, self._starts[number])

    def _frame_kept(self, number: int) -> bytes:
        if number not in self._kept:
            while len(self._kept) >= KEPT_FRAMES:
                del self._kept[next(iter(self._kept))]
            self._kept[number] = self.frame(number)
        return self._kept[number]

    def _pread(self, start: int, stop: int) -> bytes:
        pieces: list[bytes] = []
        while start < stop and (piece := os.pread(self._fd, stop - start, start)):
            pieces.append(piece)
            start += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)
