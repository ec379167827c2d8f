"""The lines of a segment one after the other, whether it is sealed or not."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from io import BytesIO

from guard.archive.lines import LINE_BYTES
from guard.archive.sealed import Sealed
from guard.journal.folder import PLAIN, Segment, open_file


def segment_lines(segment: Segment, seq: int = 0, offset: int = 0) -> Iterator[bytes]:
    """The lines with their newlines: of a plain file from the byte `offset` on, of a sealed one from the frame on that
    holds record `seq`.

    Raises:
        Damage, NoteError: a sealed file, or its manifest, is damaged.
        OSError: it cannot be read; FileNotFoundError: its records were deleted.
    """
    try:
        file = open_file(segment.path(PLAIN))
    except FileNotFoundError:
        with Sealed(segment) as sealed:
            for frame in sealed.frames(seq):
                yield from BytesIO(frame)
        return
    with file:
        file.seek(offset)
        yield from iter(partial(file.readline, LINE_BYTES), b"")
