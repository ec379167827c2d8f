"""Which refusals are written down one by one, and which are only counted, so that a flood of them cannot fill a disk.

Every client has, each minute, a budget of whole records; what it is refused beyond that is counted, by reason and
status, and the counts become records of kind ``refusals``. No refusal is in both, and none in neither. Requests that a
rule refused are evidence of what somebody tries, and have a larger budget of their own. Since a refused body is written
down too, a large one takes more of a budget than a small one; but what is left of a budget is enough for any.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from guard import config
from guard.exchange import Exchange
from guard.wire.address import household

CLIENTS = 10_000
"""How many callers are told apart; what is beyond that is counted together."""

WINDOW = 60.0
UNIT_BYTES = 16_384
"""A record counts once more for each of these in its body."""

MATCHED = "content_policy_violation"


class Caller(NamedTuple):
    """Whose budget it is: a known client wherever it comes from, anybody else's by address (IPv6: its /64)."""

    address: str | None
    account: str | None = None
    name: str | None = None


class _Count:
    __slots__ = ("count", "first", "last")

    def __init__(self, now: float) -> None:
        self.first = self.last = now
        self.count = 0


class _Budget:
    """So many whole records in a minute for `each` caller, and for `all` together."""

    __slots__ = ("all", "each", "total", "used")

    def __init__(self, each: int, all: int) -> None:
        self.each = each
        self.all = all
        self.renew()

    def renew(self) -> None:
        self.used: dict[Caller, int] = {}
        self.total = 0

    def take(self, caller: Caller, units: int) -> bool:
        used = self.used.get(caller, 0)
        if used >= self.each or self.total >= self.all or (used == 0 and len(self.used) >= CLIENTS):
            return False
        self.used[caller] = used + units
        self.total += units
        return True


class Refusals:
    """A worker's budgets and counts. Times are seconds since the epoch; nothing here looks at a clock."""

    def __init__(self, bounds: config.Refusals) -> None:
        self._interval = bounds.interval
        self._plain = _Budget(bounds.each, bounds.all)
        self._matched = _Budget(bounds.matched, bounds.all)
        self._minute = -1
        self._counts: dict[tuple[Caller | None, str, int], _Count] = {}
        self._since = 0.0

    def counted(
        self, caller: Caller, reason: str, status: int, now: float, size: int = 0, *, room: bool = True
    ) -> bool:
        """Take a refusal: True: it is counted here, and nothing else is to be written of it; False: write it down.

        `status` is 0 for who left before there was an answer, `size` the bytes of the request's body; without `room`
        nothing can be written down now.
        """
        minute = int(now // WINDOW)
        if minute != self._minute:
            self._minute = minute
            self._plain.renew()
            self._matched.renew()
        if room and (self._matched if reason == MATCHED else self._plain).take(caller, 1 + size // UNIT_BYTES):
            return False
        self._count(caller, reason, status, now)
        return True

    def due(self, now: float) -> list[dict[str, Any]]:
        """The records of what was counted, when the first of it was an interval ago; they are the caller's to write."""
        return self.rest() if self._counts and not self._since <= now < self._since + self._interval else []

    def rest(self) -> list[dict[str, Any]]:
        """The records of all that was counted since the last ones."""
        counts, self._counts = self._counts, {}
        return [_record(*of, count) for of, count in counts.items()]

    def _count(self, caller: Caller | None, reason: str, status: int, now: float) -> None:
        if not self._counts:
            self._since = now
        elif len(self._counts) >= CLIENTS and (caller, reason, status) not in self._counts:
            caller = None
        count = self._counts.get((caller, reason, status))
        if count is None:
            count = self._counts[caller, reason, status] = _Count(now)
        count.count += 1
        count.last = max(count.last, now)


def caller_of(exchange: Exchange) -> Caller:
    """Whose budget an exchange's refusal is taken from; a key that nobody knows proves nothing."""
    client = exchange.identity.client
    return Caller(None, client.account, client.name) if client is not None else Caller(household(exchange.address))


def _record(caller: Caller | None, reason: str, status: int, count: _Count) -> dict[str, Any]:
    return {
        "kind": "refusals",
        "from": count.first,
        "to": count.last,
        "client": caller._asdict() if caller is not None else None,
        "reason": reason,
        "status": status or None,
        "count": count.count,
    }
