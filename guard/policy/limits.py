"""How much may be used, of what and by whom: the limits of the configuration and those that were added by command."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import NamedTuple

from guard import config
from guard.measures import AddedLimit
from guard.policy.clients import Client
from guard.wire.address import household

# Seconds. A month is thirty days: a limit has no calendar.
UNITS = {"s": 1.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0, "month": 2_592_000.0}

REQUESTS, TOKENS, COST, CONCURRENCY = range(4)
KINDS = {"requests": REQUESTS, "tokens": TOKENS, "cost": COST, "concurrency": CONCURRENCY}

Amounts = tuple[float, float, float]
"""Units of requests, tokens and cost."""

ONE_REQUEST: Amounts = (1.0, 0.0, 0.0)

PERS = ("client", "account", "address", "route", "model", "global")


class Limit(NamedTuple):
    """One bound on one thing, for every subject of a kind, or for one of them.

    Limits with the same `key` count together, also across policies.

    Attributes:
        key: what is counted, but for the subject.
        per: the kind of subject.
        subject: the one that it is for; None: each of its kind has it.
        kind: `REQUESTS`, `TOKENS`, `COST` or `CONCURRENCY`.
        amount: how it was written, e.g. ``100/min``.
        interval: seconds in which one unit comes back; 0.0 for concurrency.
        window: seconds that the rate was told for.
        quota: units in that window; for concurrency those at once.
        burst: units that may be used at once at rest.
        span: seconds in which a whole burst comes back.
    """

    key: str
    per: str
    subject: str | None
    kind: int
    amount: str
    interval: float
    window: float
    quota: float
    burst: float
    span: float

    @property
    def whom(self) -> str:
        """For whom, in the words of a sentence."""
        if self.per == "global":
            return "all together"
        return f"{'this' if self.subject is not None else 'each'} {self.per}"

    @property
    def bound(self) -> str:
        """How much of what, in the words of a sentence."""
        return {REQUESTS: "{}", TOKENS: "{} tokens", COST: "{} of cost", CONCURRENCY: "{} at once"}[self.kind].format(
            self.amount
        )

    def name(self, subject: str) -> str:
        """What is counted, with the subject."""
        return f"{self.key}\0{subject}"

    def digest(self, subject: str) -> str:
        """What a subject's use is counted under wherever several nodes share it; 32 hexadecimal digits."""
        return blake2b(self.name(subject).encode(), digest_size=16).hexdigest()


def needed(limit: Limit, amounts: Amounts) -> float:
    """How many units of what it counts a request needs: of those in progress it is one."""
    return 1.0 if limit.kind == CONCURRENCY else amounts[limit.kind]


class Who(NamedTuple):
    """Whom a request counts for: its address, its client, and the route and model that it goes to."""

    address: str
    client: Client | None
    route: str
    model: str | None

    def subject(self, per: str) -> str | None:
        """Whom a limit of this kind holds here; None: nobody."""
        client = self.client
        if per == "address":
            return household(self.address)
        if per == "client":
            # A key that nobody knows proves nothing, so it is the address that such a client is held to.
            return client.name if client is not None else f"@{household(self.address)}"
        if per == "account":
            return client.account if client is not None else None
        if per == "model":
            return self.model
        return self.route if per == "route" else ""


class Limits:
    """The limits in force.

    Attributes:
        all: every one of them.
        head: those that the head of a request tells the subject of. What is not requests, nobody knows the use of yet:
            it is only seen whether anything is left.
        body: those that hold what is known when it was read: its tokens, their cost, and which model it is for.
        peeked: what `head` has of `body`'s.
    """

    def __init__(self, limits: Iterable[config.Limit], added: Iterable[AddedLimit] = ()) -> None:
        """Those of the configuration, and those that operators have added since: all of them hold."""
        found = [limit for entry in limits for limit in parse_limit(entry)]
        found += [added_limit(entry) for entry in added]
        # The same limit twice is one limit, and is counted once.
        self.all = tuple(dict.fromkeys(found))
        self.head = tuple(limit for limit in self.all if limit.per != "model")
        self.body = tuple(limit for limit in self.all if limit.per == "model" or limit.kind in (TOKENS, COST))


def parse_limit(entry: config.Limit) -> list[Limit]:
    """Read an entry of the configuration, e.g. ``requests: 100/min``: one limit for each thing that it bounds."""
    found = []
    if entry.requests is not None:
        found.append(_rate(entry.per, None, REQUESTS, entry.requests, entry.burst))
    if entry.tokens is not None:
        found.append(_rate(entry.per, None, TOKENS, entry.tokens, None))
    if entry.cost is not None:
        found.append(_rate(entry.per, None, COST, entry.cost, None))
    if entry.concurrency is not None:
        found.append(_at_once(entry.per, None, str(entry.concurrency)))
    return found


def added_limit(added: AddedLimit) -> Limit:
    """Read a limit that was set by command."""
    subject = household(added.subject) if added.per == "address" and added.subject is not None else added.subject
    kind = KINDS[added.what]
    if kind == CONCURRENCY:
        return _at_once(added.per, subject, added.amount)
    return _rate(added.per, subject, kind, added.amount, added.burst or (1 if kind == REQUESTS else None))


def _rate(per: str, subject: str | None, kind: int, amount: str, burst: int | None) -> Limit:
    count, _, unit = amount.partition("/")
    window, quota = UNITS[unit], float(count)
    most = float(burst) if burst is not None else quota
    interval = window / quota
    key = f"{per} {kind} {amount} burst {most:g}"
    return Limit(key, per, subject, kind, amount, interval, window, quota, most, interval * most)


def _at_once(per: str, subject: str | None, amount: str) -> Limit:
    return Limit(f"{per} {CONCURRENCY}", per, subject, CONCURRENCY, amount, 0.0, 0.0, float(amount), float(amount), 0.0)
