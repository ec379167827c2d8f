"""How many connections there are, in all and of each address, what they hold, and what is too much."""

from __future__ import annotations

from collections import Counter

from guard.config import Http, Overload
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


DEFAULT_HELD = Overload().body_bytes


def over_capacity(*, close: bool = False) -> Refusal:
    """The refusal when there is more to do than can be done in time, or to hold than there is room for."""
    message = "the guard has too much to do now"
    return Refusal(503, "over_capacity", message, headers=((b"retry-after", b"1"),), close=close)


class Crowd:
    """Counts a worker's connections. An IPv6 address counts as its /64, of which one host has all.

    `held` are the bytes of bodies that took more than one segment to arrive, until their exchanges are over;
    `turned_away` counts connections that were one too many.
    """

    def __init__(self, http: Http, most_held: int = DEFAULT_HELD) -> None:
        self.held = self.turned_away = 0
        self.most_held = most_held
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
        if self.of[who] <= self.most_each and self.size <= self.most:
            return None
        self.turned_away += 1
        if self.of[who] > self.most_each:
            return f"{who} has more than {self.most_each}"
        return f"there are more than {self.most}"

    def hold(self, size: int) -> None:
        """Count more bytes of a body, as long as they are to be held.

        Raises:
            Refusal: they are more than the worker is willing to hold at a time.
        """
        self.held += size
        if self.held > self.most_held:
            raise over_capacity(close=True)

    def leave(self, peer: str) -> None:
        """A connection of `peer` has ended."""
        who = household(peer)
        self.size -= 1
        self.of[who] -= 1
        if not self.of[who]:
            del self.of[who]
