"""Who a request comes from, as far as its API key tells."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from tempfile import mkstemp
from typing import NamedTuple

from guard import config

SALT_BYTES = 32
KEY_ID_LENGTH = 16
REMEMBERED_KEYS = 4_096
REMEMBERED_KEY_LENGTH = 512


class Client(NamedTuple):
    """A caller known by its key or its certificate."""

    name: str
    account: str | None


class Identity(NamedTuple):
    """Whom a key and a certificate stand for: their fingerprints (never the key), and the client if it is known."""

    key_id: str | None
    client: Client | None
    certificate: str | None = None


ANONYMOUS = Identity(None, None)


def load_salt(state: Path) -> bytes:
    """The installation's salt for key hashes, made once and kept in the state folder (mode 0600).

    Raises:
        OSError: the folder cannot be read or written.
        ValueError: the file is not a salt.
    """
    path = state / "salt"
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        _make_salt(path)
    salt = path.read_bytes()
    if len(salt) != SALT_BYTES:
        raise ValueError(
            f"{path}: expected {SALT_BYTES} bytes, found {len(salt)}; restore it from a backup or delete it"
        )
    return salt


def _make_salt(path: Path) -> None:
    """Make the file whole or not at all; of several that try at once the first one's stays."""
    descriptor, draft = mkstemp(dir=path.parent, prefix="salt.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(SALT_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        os.unlink(draft)  # noqa: PTH108 -- as it was made


def key_hash(key: str, salt: bytes) -> str:
    """The salted hash that stands for an API key: HMAC-SHA-256 (RFC 2104) as 64 hexadecimal digits."""
    return hmac.new(salt, key.encode(), hashlib.sha256).hexdigest()


class Clients:
    """The known clients, found by the full hash of their key or of their certificate."""

    def __init__(self, clients: Mapping[str, config.Client], salt: bytes) -> None:
        self._salt = salt
        self._by_hash: dict[str, tuple[str, Client]] = {}
        self._by_certificate: dict[str, Client] = {}
        for name, entry in clients.items():
            client = Client(name, entry.account)
            digest = key_hash(entry.key, salt) if entry.key is not None else (entry.key_hash or "").lower()
            self._by_hash[digest] = (digest, client)
            if entry.certificate is not None:
                self._by_certificate[entry.certificate.lower()] = client
        # By the whole key; a long one is not worth its memory.
        self._remembered = lru_cache(REMEMBERED_KEYS)(self._identify)

    def identify(self, key: str) -> Identity:
        """Tell whose key this is; an unknown key has a fingerprint and no client."""
        return self._remembered(key) if len(key) <= REMEMBERED_KEY_LENGTH else self._identify(key)

    def _identify(self, key: str) -> Identity:
        digest = key_hash(key, self._salt)
        known = self._by_hash.get(digest)
        client = known[1] if known is not None and hmac.compare_digest(known[0], digest) else None
        return Identity(digest[:KEY_ID_LENGTH], client)

    def certified(self, certificate: str) -> Identity:
        """Tell whose certificate this is, by its SHA-256; it was verified when the connection was made."""
        return Identity(None, self._by_certificate.get(certificate), certificate)

    def fingerprint(self, key: str) -> str:
        """What the journal shows of a key."""
        return key_hash(key, self._salt)[:KEY_ID_LENGTH]
