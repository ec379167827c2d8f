"""Signed notes (C2SP signed-note 1.0): a text, a blank line, and lines with signatures; Ed25519 only.

::

    This is an example message.

    — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=

Go's `golang.org/x/mod/sumdb/note` reads and writes the same. Every note has one spelling only: base64 that another
text would decode to as well is malformed.
"""

from __future__ import annotations

import re
from base64 import b64encode
from binascii import Error, a2b_base64
from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

MAX_BYTES = 1_048_576
MAX_SIGNATURES = 64
ED25519 = b"\1"
ID_BYTES = 4
PUBLIC_BYTES = 32

_CONTROL = re.compile(r"[\0-\x09\x0b-\x1f]")
_DASH = "\N{EM DASH} "


class NoteError(ValueError):
    """What was read is no note, no key, or not signed by whom it should be; the message says why."""


class UntrustedError(NoteError):
    """It is a signed note, and none of those who are trusted signed it."""


class Signature(NamedTuple):
    """One line: who signed, with which of their keys (`id`, 4 bytes), and the signature."""

    name: str
    id: bytes
    value: bytes


class Note(NamedTuple):
    """A note taken apart. Its text means nothing until a signature is verified."""

    text: str
    signatures: tuple[Signature, ...]


class Verifier(NamedTuple):
    """A public key and the name that it signs under."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """The key's id in signature lines, 4 bytes."""
        return sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:ID_BYTES]

    def __str__(self) -> str:
        """The key as text: ``name+id+key``."""
        return f"{self.name}+{self.id.hex()}+{b64encode(ED25519 + self.public).decode()}"

    def verify(self, text: str, signature: bytes) -> bool:
        """Whether this key made this signature of this text."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True


class Signer(NamedTuple):
    """A private key and the name that it signs under."""

    name: str
    key: Ed25519PrivateKey

    @property
    def verifier(self) -> Verifier:
        """The public half."""
        return Verifier(self.name, self.key.public_key().public_bytes_raw())

    def sign(self, text: str) -> bytes:
        """The text as a note.

        Raises:
            NoteError: a note cannot have this text, or not under this name.
        """
        check_name(self.name)
        if not text.endswith("\n") or _CONTROL.search(text):
            raise NoteError("a note's text ends in a newline and has no other control characters")
        line = b64encode(self.verifier.id + self.key.sign(text.encode())).decode()
        return f"{text}\n{_DASH}{self.name} {line}\n".encode()


def check_name(name: str) -> None:
    """See to it that a key can have this name.

    Raises:
        NoteError: it cannot.
    """
    if not name or "+" in name or _CONTROL.search(name) or any(character.isspace() for character in name):
        raise NoteError(f"{name!r} is no name of a key: expected one without spaces and plus signs")


def parse_key(text: str) -> Verifier:
    """Read a verifier key, ``name+id+key``.

    Raises:
        NoteError: it is none.
    """
    name, *rest = text.split("+", 2)
    if len(rest) != 2:
        raise NoteError("this is no verifier key: expected name+id+key")
    check_name(name)
    key = decode(rest[1], "a verifier key")
    if key[:1] != ED25519 or len(key) != 1 + PUBLIC_BYTES:
        raise NoteError(f"the verifier key of {name} is not an Ed25519 key")
    verifier = Verifier(name, key[1:])
    if rest[0] != verifier.id.hex():
        raise NoteError(f"the verifier key of {name} is damaged: its id is {verifier.id.hex()}, not {rest[0]!r}")
    return verifier


def parse(data: bytes) -> Note:
    """Take a note apart; nothing is verified.

    Raises:
        NoteError: it is none.
    """
    if len(data) > MAX_BYTES:
        raise NoteError(f"it is longer than a note can be ({MAX_BYTES} bytes)")
    try:
        whole = data.decode()
    except UnicodeDecodeError:
        raise NoteError("it is no signed note: it is not UTF-8") from None
    if _CONTROL.search(whole):
        raise NoteError("it is no signed note: it has control characters")
    text, blank, lines = whole.rpartition("\n\n")
    if not blank or not lines.endswith("\n"):
        raise NoteError("it is no signed note: expected a text, a blank line and signatures")
    signatures = lines[:-1].split("\n")
    if len(signatures) > MAX_SIGNATURES:
        raise NoteError(f"it has more than {MAX_SIGNATURES} signatures")
    return Note(text + "\n", tuple(map(_signature, signatures)))


def verified(data: bytes, keys: Iterable[Verifier]) -> tuple[str, Verifier]:
    """The text of a note, and whose signature shows that it is theirs.

    Raises:
        NoteError: it is no note, none of these keys signed it, or the signature of one of them is wrong.
    """
    note = parse(data)
    known = {(key.name, key.id): key for key in keys}
    found = [(known.get((line.name, line.id)), line) for line in note.signatures]
    for key, line in found:
        if key is not None and not key.verify(note.text, line.value):
            raise NoteError(f"the signature of {key.name} is not that of this text: one of the two was changed")
    signed_by = next((key for key, _ in found if key is not None), None)
    if signed_by is None:
        names = ", ".join(f"{line.name}+{line.id.hex()}" for line in note.signatures[:3])
        raise UntrustedError(f"it is signed by {names}, which is no key that is trusted here")
    return note.text, signed_by


def _signature(line: str) -> Signature:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space:
        raise NoteError("it is no signed note: a line of signatures is not '\N{EM DASH} name signature'")
    check_name(name)
    value = decode(encoded, "a signature")
    if len(value) <= ID_BYTES:
        raise NoteError("it is no signed note: a signature is too short")
    return Signature(name, value[:ID_BYTES], value[ID_BYTES:])


def decode(text: str, what: str) -> bytes:
    """Bytes from base64 (RFC 4648, section 4), of which there is one spelling.

    Raises:
        NoteError: it is none; `what` says what should have been.
    """
    try:
        value = a2b_base64(text.encode(), strict_mode=True)
    except Error:
        raise NoteError(f"{what} is not base64") from None
    if b64encode(value).decode() != text:
        raise NoteError(f"{what} is not base64 as it is written")
    return value
