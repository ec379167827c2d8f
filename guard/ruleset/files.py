"""Reading files of the rules folder: regular ones, of a bounded size, that do not lie elsewhere."""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import Protocol

BYTES = 16 * 1024 * 1024
DATA = "data"


class Files(Protocol):
    """Where the files of rules are; as text it is the place, for people."""

    def rules(self) -> list[str]:
        """The names of the files with rules, in order. Raises `ValueError` that says what is wrong."""

    def read(self, name: str) -> bytes:
        """The content of a file, by its name or as ``data/…``. Raises `ValueError` that says what is wrong."""


class Directory:
    """A folder on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __str__(self) -> str:
        return f"'{self._path}'"

    def rules(self) -> list[str]:
        """See `Files.rules`."""
        if not self._path.is_dir():
            raise ValueError(f"the folder {self} does not exist; expected one with rules, or null for no rules")
        return sorted(path.name for path in self._path.glob("*.yaml"))

    def read(self, name: str) -> bytes:
        """See `Files.read`; what is in the folder ``data`` may not lead out of it."""
        path = self._path / name
        if name.startswith(f"{DATA}/") and not path.resolve().is_relative_to((self._path / DATA).resolve()):
            raise ValueError(f"outside the folder '{DATA}'")
        return read_bytes(path)


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


def phrase_file(name: str) -> str:
    """The one spelling of a phrase list's name, which may be written with ``data/`` before it or without.

    Raises `ValueError` if it is outside that folder.
    """
    whole = posixpath.normpath(f"{DATA}/{name.removeprefix(f'{DATA}/')}")
    if not whole.startswith(f"{DATA}/") or posixpath.isabs(name):
        raise ValueError(f"'{name}' is outside the folder '{DATA}'")
    return whole


def read_phrases(files: Files, name: str) -> tuple[bytes, tuple[str, ...]]:
    """The content of the phrase list ``data/name``, and its phrases: one a line, ``#`` begins a comment line.

    Raises `ValueError` that says what is wrong.
    """
    whole = phrase_file(name)
    try:
        content = files.read(whole)
        lines = [line.strip() for line in content.decode("utf-8-sig").splitlines()]
    except UnicodeDecodeError as error:
        raise ValueError(f"'{name}': not UTF-8 at byte {error.start}") from error
    except ValueError as error:
        outside = str(error).startswith("outside")
        raise ValueError(f"'{name}' is {error}" if outside else f"'{name}': {error}") from error
    phrases = tuple([line for line in lines if line and not line.startswith("#")])
    if not phrases:
        raise ValueError(f"'{name}': holds no phrase")
    return content, phrases
