"""How many connections there are, in all and of each address, and who is one too many."""

from __future__ import annotations

from collections import Counter

from guard.config import Http
from guard.refusal import Refusal
from guard.wire.address import household
from guard.wire.headers import STATUS_LINES

TOO_MANY = Refusal(503, "too_many_connections", "too many connections")
_BODY = b'{"error":{"message":"%b","type":"server_error","param":null,"code":"%b"}}\n' % (
    TOO_MANY.message.encode(),
    TOO_MANY.code.encode(),
)
# The same for everybody and made beforehand: there is no request that it could be the answer to.
TURNED_AWAY = (
    b"%bcontent-type: application/json\r\ncontent-length: %d\r\nretry-after: 1\r\nconnection: close\r\n\r\n%b"
    % (STATUS_LINES[TOO_MANY.status], len(_BODY), _BODY)
)


class Crowd:
    """Counts a worker's connections. An IPv6 address counts as its /64, of which one host has all."""

    def __init__(self, http: Http) -> None:
        self.most = http.connections
        self.most_each = http.connections_per_address
        self.size = 0
        self.of: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"<Crowd {self.size} connections of {len(self.of)} addresses>"

    def enter(self, peer: str) -> str | None:
        """Count a connection of `peer`; why it is one too many, or None. Counted or not wanted, it has to `leave`."""
        who = household(peer)
        self.size += 1
        self.of[who] += 1
        if self.of[who] > self.most_each:
            return f"{who} has more than {self.most_each}"
        if self.size > self.most:
            return f"there are more than {self.most}"
        return None

    def leave(self, peer: str) -> None:
        """A connection of `peer` has ended."""
        who = household(peer)
        self.size -= 1
        self.of[who] -= 1
        if not self.of[who]:
            del self.of[who]
