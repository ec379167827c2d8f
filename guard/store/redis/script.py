"""A piece of Lua that the store runs as one step, and the keys of a fleet that it works on."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha1


@dataclass(frozen=True)
class Script:
    """The text of one, and the digest that the store knows it by once it has run it."""

    text: str
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", sha1(self.text.encode(), usedforsecurity=False).hexdigest())


def key(fleet: str, what: str) -> str:
    """A key of a fleet's. What stands in braces has a cluster keep all of them in one place, as scripts need it."""
    return f"guard:{{{fleet}}}:{what}"
