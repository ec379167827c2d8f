"""The key that signs what is said about the journal: Ed25519, in a file that its owner alone can read.

Every log has a name of its own to sign under, its origin ``node/log``, with the one key of the node. Whoever trusts
the key under one of these names trusts it for all logs of that node.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from guard.proof.files import make_once
from guard.proof.node import FILE as NODE_FILE
from guard.proof.node import node_name
from guard.proof.note import NoteError, Signer, Verifier, parse_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FILE = "journal.key"


def origin(node: str, log: str) -> str:
    """What a log is called among those of all nodes."""
    return f"{node}/{log}"


def signing_key(state: Path) -> Ed25519PrivateKey:
    """The key in the state folder (PKCS #8, PEM, mode 0600), made once.

    Raises:
        OSError: the file cannot be read or made.
        ValueError: it holds no such key, or others may read it.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

    path = state / FILE
    made = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    content = make_once(path, made)
    if path.stat().st_mode & 0o077:
        raise ValueError(f"{path}: others may read or change the signing key; `chmod 600` it, or make a new one")
    try:
        key = load_pem_private_key(content, None)
    except (ValueError, TypeError):  # TypeError: it wants a password
        key = None
    if isinstance(key, Ed25519PrivateKey):
        return key
    raise ValueError(f"{path}: this is no Ed25519 key in PEM; restore it from a backup")


def signer(state: Path, node: str, log: str) -> Signer:
    """What signs for a log.

    Raises:
        OSError, ValueError: as `signing_key` says.
    """
    return Signer(origin(node, log), signing_key(state))


def for_log(keys: Iterable[Verifier], log: str) -> list[Verifier]:
    """The keys under the names that they sign for this log with: each key's node is known by its name."""
    return [Verifier(origin(key.name.rpartition("/")[0] or key.name, log), key.public) for key in keys]


def read_keys(text: str) -> list[Verifier]:
    """The verifier keys in a text, one a line; blank lines and those that begin with # are left out.

    Raises:
        NoteError: there is none, or a line is none.
    """
    lines = [line.strip() for line in text.splitlines()]
    keys = [parse_key(line) for line in lines if line and not line.startswith("#")]
    if not keys:
        raise NoteError("there is no verifier key in it: expected name+id+key, one a line")
    return keys


def known_keys(state: Path) -> list[Verifier]:
    """The public key of the state folder, under its node's name, for whoever only verifies; nothing is made.

    Raises:
        OSError: a file is there, and cannot be read.
        ValueError: it holds no key, or no name.
    """
    if not (state / FILE).exists() or not (state / NODE_FILE).exists():
        return []
    public = signing_key(state).public_key().public_bytes_raw()
    return [Verifier(node_name(state), public)]
