"""How callers are called where they are blocked: networks, sessions and user agents each have one spelling."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network, ip_network
from socket import AF_INET, AF_INET6, inet_ntop

from guard.wire.address import zoneless
from guard.wire.networks import stretch

SESSION_BYTES = 128
"""Up to which a session's name stands as it is."""

AGENT_CHARACTERS = 512
"""Of a user agent that are looked at."""

PATTERN_CHARACTERS = 256

_MAPPED_LENGTH = 96
_LENGTHS = {AF_INET: frozenset(map(str, range(32))), AF_INET6: frozenset(map(str, range(128)))}


def network(text: str) -> str:
    """The spelling of a network, or of a single address without a length; bits behind the length do not matter.

    Raises:
        ValueError: it is neither; the message says what was expected.
    """
    return text if _is_spelled(text) else _network(text)


def _is_spelled(text: str) -> bool:
    """Whether it is the right spelling already, sooner told than by reading it anew; of what is unusual it is not."""
    address, slash, length = text.partition("/")
    family = AF_INET6 if ":" in address else AF_INET
    try:
        first = stretch(text).first
    except ValueError:
        return False
    usual = family == AF_INET or any(first[:10])
    return usual and inet_ntop(family, first) == address and (not slash or length in _LENGTHS[family])


def _network(text: str) -> str:
    try:
        found: IPv4Network | IPv6Network = ip_network(zoneless(text), strict=False)
    except ValueError:
        raise ValueError(f"{text!r} is no address or network; expected e.g. 203.0.113.9, 2001:db8::/32") from None
    if isinstance(found, IPv6Network) and (mapped := found.network_address.ipv4_mapped) is not None:
        # Requests' IPv4 addresses mapped into IPv6 are read as IPv4: a mapped network would hold none of them.
        found = ip_network(f"{mapped}/{found.prefixlen - _MAPPED_LENGTH}")
    return str(found.network_address) if found.prefixlen == found.max_prefixlen else str(found)


def session(told: bytes) -> str:
    """How a session is called that a header names; one whose name is long or no UTF-8 by its SHA-256: ``sha256:0f…``.

    A name that is cut could be that of many sessions, and one that is left out could not be blocked.
    """
    if len(told) <= SESSION_BYTES:
        with suppress(UnicodeDecodeError):
            return told.decode()
    return f"sha256:{sha256(told).hexdigest()}"


def session_name(name: str) -> str:
    """The name itself, if a session may be blocked by it.

    Raises:
        ValueError: none can be called so; the message says what was expected.
    """
    if not name or name != name.strip() or len(name.encode("utf-8", "surrogateescape")) > SESSION_BYTES:
        raise ValueError(f"{name[:40]!r} names no session; expected what the journal shows of one (client.session)")
    return name


def agent_pattern(pattern: str) -> str:
    """The spelling of a pattern that user agents may be blocked by: case does not count.

    Raises:
        ValueError: it is none; the message says what was expected.
    """
    if len(pattern) > PATTERN_CHARACTERS or not pattern.strip("*?") or pattern != pattern.strip():
        raise ValueError(
            f"{pattern[:40]!r} is no pattern for user agents; expected e.g. 'curl/*' or '*badbot*': up to "
            f"{PATTERN_CHARACTERS} characters, and others than * and ? among them"
        )
    return pattern.lower()


NAMING: Mapping[str, Callable[[str], str]] = {"ip": network, "session": session_name, "agent": agent_pattern}
"""By the kind of a block, what gives the one spelling of its value. Other kinds have one already."""
