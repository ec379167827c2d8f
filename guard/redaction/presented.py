"""The keys that a request shows: whatever stands where clients put credentials, known to the guard or not."""

from __future__ import annotations

import re
from binascii import Error, a2b_base64
from collections.abc import Iterator
from urllib.parse import unquote_plus

from guard.exchange import Headers
from guard.wire.handshake import FIELDS, KEY_PROTOCOL, protocols

SHORTEST = 8
"""Characters. What is shorter is no key that keeps anything safe, and is a word in many a text."""

LONGEST_WORD = 16

SCHEMED = frozenset((b"authorization", b"proxy-authorization"))
PLAIN = frozenset((b"x-api-key", b"api-key", b"x-goog-api-key", b"x-auth-token", b"ocp-apim-subscription-key"))
PARAMETER = re.compile(r"([?&;#])([^=?&;#]*)=([^&;#]*)")
SECRET_NAME = re.compile(
    r".*(?:key|token|secret|passw(?:or)?d|pwd|credentials?|signature|authorization|bearer|jwt|session|session_?id)(?:\[\])?"
    r"|auth|sig|sid|pass",
    re.IGNORECASE | re.DOTALL,
)


def in_fields(headers: Headers) -> list[str]:
    """The keys in header fields, each once; fields are Latin-1 (RFC 9110, section 5.5)."""
    found: list[bytes] = []
    for name, value in headers:
        if name in SCHEMED:
            found += _credentials(value)
        elif name in PLAIN:
            found += value.split()
        elif name == FIELDS + b"protocol":
            found += [one.removeprefix(KEY_PROTOCOL) for one in protocols(headers) if one.startswith(KEY_PROTOCOL)]
    return _keys(key.decode("latin-1") for key in found)


def in_target(target: str) -> list[str]:
    """The values of parameters that are named like a key, as they stand and decoded."""
    values = [value for _, name, value in PARAMETER.findall(target) if SECRET_NAME.fullmatch(unquote_plus(name))]
    return _keys(form for value in values for form in (value, unquote_plus(value)))


def _credentials(value: bytes) -> list[bytes]:
    """What stands behind the scheme (RFC 9110, section 11.4), of a Basic user (RFC 7617) also the password."""
    words = value.split()
    if len(words) < 2:
        return words
    if words[0].lower() != b"basic":
        return words[1:]
    try:
        pair = a2b_base64(words[1])
    except Error:
        return words[1:]
    return [*words[1:], pair, pair.partition(b":")[2]]


def _keys(found: Iterator[str]) -> list[str]:
    return list(dict.fromkeys(key for key in found if len(key) >= SHORTEST and not _is_word(key)))


def _is_word(key: str) -> bool:
    """Whether it is a word in many a text. Who shows one as a key must not have it hidden from the journal by that."""
    return key.isalpha() and len(key) < LONGEST_WORD
