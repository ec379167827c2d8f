"""Operators: who may call, shown by a token, and what their role lets them do.

A token is 256 random bits, shown once; the control log has its SHA-256. A plain hash is right for it: what makes
passwords need slow ones is that they can be guessed, and nobody guesses 256 bits.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from secrets import token_urlsafe
from typing import NamedTuple

from guard.changes import AddOperator, Role
from guard.custody.measures import Measure

ROLES: tuple[Role, ...] = ("viewer", "analyst", "operator", "commander")
"""Each may do all that those before it may."""

PREFIX = "guard_"
"""By which programs that look for leaked secrets find ours."""

_BEARER = re.compile(r"[Bb]earer +([A-Za-z0-9._~+/=-]{1,512})")


class Principal(NamedTuple):
    """Who calls. `local`: whoever may read the state folder, who says by themselves who they are."""

    name: str
    role: Role
    local: bool = False

    def may(self, role: Role) -> bool:
        """Whether they may do what needs that role."""
        return ROLES.index(self.role) >= ROLES.index(role)


def new_token() -> str:
    """A token that nobody has yet."""
    return PREFIX + token_urlsafe(32)


def digest(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def bearer(header: str | None) -> str | None:
    """The token in an ``Authorization`` header; None: there is none."""
    found = _BEARER.fullmatch(header or "")
    return found[1] if found else None


def who_shows(token: str, operators: Mapping[str, Measure], local: str) -> Principal | None:
    """Whose token it is; None: nobody's. `local` is the digest of this machine's own.

    All are compared, each in constant time, so that the time tells nothing.
    """
    shown = digest(token)
    found = Principal("local", "commander", local=True) if hmac.compare_digest(shown, local) else None
    for one in operators.values():
        change = one.change
        if isinstance(change, AddOperator) and hmac.compare_digest(shown, change.token):
            found = Principal(change.name, change.role)
    return found
