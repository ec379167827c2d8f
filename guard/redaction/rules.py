"""What must not be stored of any exchange: the keys that the configuration has, and what `journal.redact` says."""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import orjson

from guard.config import Config
from guard.proof.files import make_once
from guard.redaction.presented import SHORTEST

KEY_BYTES = 32
HASH_LENGTH = 16
EVERY = "*"
WITHHELD = "withheld"
"""The kind of what could not be redacted with certainty, and is left out whole."""

Span = tuple[int, int, int]


class Finder(Protocol):
    """Finds patterns in texts; see `guard.ruleset.redactor`."""

    def touches(self, text: str) -> bool:
        """Whether the text may hold a match; if not, it holds none."""

    @property
    def places(self) -> Callable[[str], list[Span] | None]:
        """Gives begin, end and pattern of each match; None: there are too many."""


class Field(NamedTuple):
    """A place in documents, as the tokens of its pointer, and the kind of what stands there."""

    name: str
    tokens: tuple[str, ...]


class Rules:
    """What the configuration has redacted. `names` are the kinds of the finder's patterns."""

    __slots__ = ("_key", "fields", "finder", "names")

    def __init__(self, names: Sequence[str], finder: Finder | None, fields: Sequence[Field], key: bytes) -> None:
        self.names = tuple(names)
        self.finder = finder
        self.fields = tuple(fields)
        self._key = key

    def mark(self, name: str, secret: str) -> str:
        """What stands for a secret: its kind, and a keyed hash (HMAC-SHA-256) that is the same for the same secret."""
        digest = hmac.new(self._key, secret.encode("utf-8", "surrogatepass"), sha256).hexdigest()
        return f"[{name}:{digest[:HASH_LENGTH]}]"


def load_key(state: Path) -> bytes:
    """The installation's key for the marks, made once and kept in the state folder (mode 0600).

    Raises:
        OSError: the folder cannot be read or written.
        ValueError: the file is not a key.
    """
    path = state / "redaction.key"
    key = make_once(path, os.urandom(KEY_BYTES))
    if len(key) != KEY_BYTES:
        raise ValueError(f"{path}: expected {KEY_BYTES} bytes, found {len(key)}; restore it from a backup or delete it")
    return key


def configured_keys(config: Config) -> list[str]:
    """The API keys that the configuration has, each once: clients', models' and those that are blocked."""
    found = [version.key for model in config.models.values() for version in model.versions.values()]
    found += [one.key for one in config.clients.values()] + [one.key for one in config.blocks]
    return [*dict.fromkeys(key for key in found if key is not None and len(key) >= SHORTEST)]


class Redaction(NamedTuple):
    """All of it. `keys`: the configured ones, or, where they are many, those that `spot` looks for in a line."""

    keys: tuple[str, ...] = ()
    spot: Callable[[str], bool] | None = None
    rules: Rules | None = None


NOTHING = Redaction()


def at(document: Any, tokens: tuple[str, ...]) -> Iterator[tuple[Any, Any]]:
    """The places that a pointer leads to, as an array or object and the index or key in it; ``*`` is every one."""
    step, below = tokens[0], tokens[1:]
    places: Sequence[Any] = ()
    if type(document) is dict:
        places = tuple(document) if step == EVERY else (step,) if step in document else ()
    elif type(document) is list:
        places = range(len(document)) if step == EVERY else _index(step, len(document))
    for place in places:
        if below:
            yield from at(document[place], below)
        else:
            yield document, place


def tokens_of(pointer: str) -> tuple[str, ...]:
    """The tokens of a JSON pointer (RFC 6901)."""
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:])


def written(value: Any) -> str:
    """A value as the text that its mark is made from."""
    return value if type(value) is str else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _index(token: str, length: int) -> tuple[int, ...]:
    return (int(token),) if token.isascii() and token.isdigit() and len(token) < 10 and int(token) < length else ()
