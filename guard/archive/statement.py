"""Statements about a segment: signed notes of two lines, one that names the format and one of JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from guard.journal.folder import open_file
from guard.proof.note import MAX_BYTES, NoteError

S = TypeVar("S", bound=msgspec.Struct)


def compose(form: str, statement: msgspec.Struct) -> str:
    """The text to be signed."""
    return f"{form}\n{msgspec.json.encode(statement).decode()}\n"


def parse(text: str, form: str, kind: type[S]) -> S:
    """Read the text of a statement of this form.

    Raises:
        NoteError: it is none.
    """
    first, _, rest = text.partition("\n")
    if first != form:
        raise NoteError(f"it is no {form}: it begins with {first[:64]!r}")
    if not rest.endswith("\n") or "\n" in rest[:-1]:
        raise NoteError(f"it is no {form}: expected one line of JSON")
    try:
        return msgspec.json.decode(rest, type=kind)
    except ValueError as error:
        raise NoteError(f"it is no {form}: {error}") from None


def read(path: Path) -> bytes:
    """A note's file; of one that is longer than a note can be, no more than shows that.

    Raises:
        OSError: it cannot be read.
    """
    with open_file(path) as file:
        return file.read(MAX_BYTES + 1)
