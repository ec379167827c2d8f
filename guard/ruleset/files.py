"""Reading files of the rules folder: regular ones, of a bounded size, that do not lie elsewhere."""

from __future__ import annotations

from pathlib import Path

BYTES = 16 * 1024 * 1024


def read_bytes(path: Path) -> bytes:
    """A regular file's content. Raises `ValueError` that says what is wrong."""
    try:
        if path.exists() and not path.is_file():
            raise ValueError("not a regular file")
        with path.open("rb") as file:
            content = file.read(BYTES + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from error
    if len(content) > BYTES:
        raise ValueError(f"larger than {BYTES:,} bytes")
    return content


def read_phrases(directory: Path, name: str) -> tuple[bytes, tuple[str, ...]]:
    """The content of the phrase list ``data/name``, and its phrases: one a line, ``#`` begins a comment line.

    The name may be written with ``data/`` before it or without. Raises `ValueError` that says what is wrong.
    """
    data = (directory / "data").resolve()
    path = (data / name.removeprefix("data/")).resolve()
    if not path.is_relative_to(data):
        raise ValueError(f"'{name}' is outside the folder 'data'")
    try:
        content = read_bytes(path)
        lines = [line.strip() for line in content.decode("utf-8-sig").splitlines()]
    except UnicodeDecodeError as error:
        raise ValueError(f"'{name}': not UTF-8 at byte {error.start}") from error
    except ValueError as error:
        raise ValueError(f"'{name}': {error}") from error
    phrases = tuple([line for line in lines if line and not line.startswith("#")])
    if not phrases:
        raise ValueError(f"'{name}': holds no phrase")
    return content, phrases
