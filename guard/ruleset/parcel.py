"""A rules folder as one run of bytes: names and contents, the same bytes for the same files.

::

    guard rules 1
    812 10-own.yaml
    …812 bytes, and a newline
    40 data/names.txt
    …40 bytes, and a newline

Files come in the order of their names. Nothing is compressed, so that what is bounded is what there is, and nothing is
ever unpacked into a folder. A parcel is named by its SHA-256.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from hashlib import sha256

BYTES = 64 * 1024 * 1024
FILES = 4_096
MAGIC = b"guard rules 1\n"
DATA = "data/"

_HEAD = re.compile(rb"(0|[1-9][0-9]{0,7}) ([^\x00-\x1f\x7f]{1,1024})\n")
_LONGEST_HEAD = 8 + 1 + 1_024 + 1


class ParcelError(ValueError):
    """Bytes are no parcel, or files cannot be one; the message says why."""


def pack(files: Mapping[str, bytes]) -> bytes:
    """Put files, by their names within the rules folder, into one parcel.

    Raises:
        ParcelError: they are too many or too large, or a name cannot be used.
    """
    parts = [MAGIC]
    for name in sorted(files):
        if not is_name(name):
            raise ParcelError(f"a file may not be called {name!r}; expected *.yaml or data/…, in plain characters")
        parts += [b"%d %b\n" % (len(files[name]), name.encode()), files[name], b"\n"]
    if len(files) > FILES:
        raise ParcelError(f"{len(files):,} files; at most {FILES:,} can be pushed")
    if sum(map(len, parts)) > BYTES:
        raise ParcelError(f"the files are larger than {BYTES:,} bytes together")
    return b"".join(parts)


def unpack(parcel: bytes) -> dict[str, bytes]:
    """The files of a parcel, which must be written as `pack` writes them.

    Raises:
        ParcelError: it is none; nothing of it is to be used.
    """
    if len(parcel) > BYTES or not parcel.startswith(MAGIC):
        raise ParcelError("this is no parcel of rules")
    files: dict[str, bytes] = {}
    at, last = len(MAGIC), ""
    while at < len(parcel):
        head = _HEAD.match(parcel, at, at + _LONGEST_HEAD)
        if head is None:
            raise ParcelError(f"what is at byte {at} is no file")
        name, end = _name(head[2]), head.end() + int(head[1])
        if name <= last or len(files) == FILES:
            raise ParcelError(f"the file at byte {at} is out of order, or one too many")
        if parcel[end : end + 1] != b"\n":
            raise ParcelError(f"'{name}' is cut off, or longer than it says")
        files[name] = parcel[head.end() : end]
        at, last = end + 1, name
    return files


def digest(parcel: bytes) -> str:
    """What the parcel is called."""
    return sha256(parcel).hexdigest()


def is_name(name: str) -> bool:
    """Whether a file of a rules folder may be called so: ``NAME.yaml``, or a path in ``data``, in its one spelling."""
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        return False
    plain = 0 < length <= 1_024 and all(character >= " " and character != "\x7f" for character in name)
    if not plain or posixpath.normpath(name) != name or "\\" in name:
        return False
    return (name.startswith(DATA) and len(name) > len(DATA)) or ("/" not in name and name.endswith(".yaml"))


def _name(written: bytes) -> str:
    try:
        name = written.decode()
    except UnicodeDecodeError:
        name = ""
    if not is_name(name):
        raise ParcelError(f"{written!r} is no name of a file of rules")
    return name


class Parcel:
    """The files of a parcel, to be read as those of a folder (see `guard.ruleset.files.Files`)."""

    def __init__(self, parcel: bytes) -> None:
        """Raises `ParcelError`."""
        self._files = unpack(parcel)

    def __str__(self) -> str:
        return "what was pushed"

    def rules(self) -> list[str]:
        """The names of the files with rules, in order."""
        return sorted(name for name in self._files if "/" not in name)

    def read(self, name: str) -> bytes:
        """A file's content. Raises `ValueError`."""
        content = self._files.get(name)
        if content is None:
            raise ValueError("it is not among the files that were pushed")
        return content
