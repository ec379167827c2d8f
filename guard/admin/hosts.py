"""Whom a call is meant for, and where a browser says that it comes from.

A page of somebody else's may have an operator's browser call this listener, under a name that leads here: so only names
that are known count, and an ``Origin`` only if it is this listener's own. Nothing here is for other sites to read:
there is no CORS, and there are no cookies.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from guard.wire.address import parse_listen

LOOPBACK = frozenset(("localhost", "127.0.0.1", "[::1]"))
ANY = frozenset(("0.0.0.0", "[::]", "::"))  # noqa: S104  a name that is none

_HOST = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


def known_hosts(listen: str, more: Iterable[str]) -> frozenset[str]:
    """The names that a listener has, without ports and in lower case."""
    host = bracketed(parse_listen(listen).host.lower())
    own = frozenset() if host in ANY or not host else frozenset((host,))
    return LOOPBACK | own | frozenset(name.lower() for name in more)


def is_known(header: str | None, known: frozenset[str], local: str | None) -> bool:
    """Whether a ``Host`` is one of the known names, or the very address that the connection came to (`local`)."""
    found = _HOST.fullmatch(header or "")
    if found is None:
        return False
    name = found[1].lower().rstrip(".")
    return name in known or (local is not None and name == bracketed(local))


def is_own(origin: str | None, scheme: str, host: str) -> bool:
    """Whether there is no ``Origin``, or that of the listener itself, under the name that it is called by."""
    return origin is None or origin.lower() == f"{scheme}://{host}".lower()


def bracketed(host: str) -> str:
    """An address as it stands in URLs."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
