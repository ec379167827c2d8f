"""Rules that were read, checked, tried and compiled, kept in a file: another process has them in an instant.

What is kept is not trusted for more than it is: it carries its own hash, and an engine compiles anew whatever of it was
made by another version of it, or on another kind of processor.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple

import msgspec
from msgspec import Struct

from guard.ruleset.bundle import Bundle, compiled
from guard.ruleset.document import Read
from guard.ruleset.engine import EngineName, Kept, Terms
from guard.ruleset.files import Files
from guard.ruleset.folder import Folder
from guard.ruleset.parcel import pack
from guard.ruleset.pattern import read_pattern
from guard.ruleset.rule import Rule

MAGIC = b"guard ready 1\n"


class Entry(Struct, frozen=True, array_like=True):
    """A rule, the file and line that it is from, and its literals as they are compared."""

    rule: Rule
    file: str
    line: int
    literals: tuple[str, ...]


class Ready(Struct, frozen=True, array_like=True):
    """Rules of the bundle with that hash, and what the engine has made of them."""

    hash: str
    entries: list[msgspec.Raw]
    kept: dict[str, bytes]


class Prepared(NamedTuple):
    """Rules that can be used, what is kept of them, and the parcel of the files that they were read from."""

    bundle: Bundle
    ready: Ready
    parcel: bytes


def prepare(
    files: Files,
    *,
    engine: EngineName = "auto",
    hold_back: int = 256,
    now: datetime | None = None,
    before: Ready | None = None,
) -> Prepared:
    """Read, compile and try rules, as `guard.ruleset.bundle.load` does. Raises `BundleError` with every problem.

    What is compiled in `before`, and the same now, is not compiled again.
    """
    folder = Folder(files, now or datetime.now(UTC))
    kept = Kept(before.kept if before is not None else None)
    bundle, ready = _made(folder, engine, hold_back, kept, tried=True)
    return Prepared(bundle, ready, pack(folder.files))


def restored(
    ready: Ready, *, engine: EngineName = "auto", hold_back: int = 256, now: datetime | None = None
) -> tuple[Bundle, Ready]:
    """The rules that were kept; those that have expired meanwhile are left out.

    Gives also what is to be kept from now on: the same, unless something had to be compiled. Raises `BundleError`.
    """
    folder = Folder(None, now or datetime.now(UTC))
    for one in entries(ready):
        patterns = tuple([read_pattern(source) for source in one.rule.match.regexes])
        folder.keep(Read(one.rule, one.file, {"": one.line}), Terms(one.literals, patterns))
    folder.hash = ready.hash
    kept = Kept(ready.kept)
    bundle, new = _made(folder, engine, hold_back, kept)
    return bundle, ready if all(ready.kept.get(key) == data for key, data in kept.used.items()) else new


def entries(ready: Ready) -> Iterator[Entry]:
    """Its rules. They are read one by one, so that other threads get their turn in between."""
    return (msgspec.msgpack.decode(raw, type=Entry) for raw in ready.entries)


def read(data: bytes, name: str | None = None) -> Ready | None:
    """What `written` wrote, for the bundle with that hash or (None) any; None: this is not it, or not whole."""
    head = len(MAGIC) + sha256().digest_size
    if data[:head] != MAGIC + sha256(data[head:]).digest():
        return None
    try:
        ready = msgspec.msgpack.decode(data[head:], type=Ready)
    except msgspec.MsgspecError:
        return None
    return ready if name in (None, ready.hash) else None


def written(ready: Ready) -> bytes:
    """What is kept, as it stands in a file."""
    data = msgspec.msgpack.encode(ready)
    return MAGIC + sha256(data).digest() + data


def _made(
    folder: Folder, engine: EngineName, hold_back: int, kept: Kept, *, tried: bool = False
) -> tuple[Bundle, Ready]:
    bundle = compiled(folder, engine=engine, hold_back=hold_back, tried=tried, kept=kept)
    found = [
        msgspec.Raw(msgspec.msgpack.encode(Entry(one.rule, one.file, one.lines[""], terms.literals)))
        for one, terms in folder.ready
    ]
    return bundle, Ready(bundle.hash, found, kept.used)
