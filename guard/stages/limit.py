"""Limit: hold each caller to its share, as far as the head of a request tells it."""

from __future__ import annotations

from math import ceil

from guard.exchange import Exchange
from guard.policy.held import Denied, Held
from guard.policy.limits import Who
from guard.policy.meters import Meters
from guard.policy.waiting import Waiting
from guard.refusal import Refusal


def limit(exchange: Exchange, meters: Meters) -> None:
    """429 when the request is over a limit; what it holds of concurrency is given back when the exchange ends."""
    limits = exchange.policy.limits.head
    if not limits:
        return
    head, route = exchange.head, exchange.routes[0]
    places = head.limited
    if places is None or places[0] is not limits or places[1] is not route:
        # Like what a head says of its caller, this holds for all requests with the same head.
        who = Who(exchange.address, exchange.identity.client, route.path, None)
        places = head.limited = limits, route, meters.places(limits, who)
    if places[2]:
        take(exchange, meters.count(places[2], meters.now()))


def take(exchange: Exchange, verdict: Denied | Held | Waiting | None) -> None:
    """Do as was decided, or have the exchange wait until it is.

    Raises:
        Refusal: it is over a limit.
    """
    if isinstance(verdict, Waiting):
        exchange.waiting = verdict
        return
    exchange.waiting = None
    if isinstance(verdict, Denied):
        raise over(exchange, verdict)
    exchange.held = verdict


def over(exchange: Exchange, denied: Denied) -> Refusal:
    """The refusal of what is over a limit; ``Retry-After`` is RFC 9110, section 10.2.3."""
    exchange.held = exchange.held or Held()
    exchange.held.deny(denied)
    limit, wait = denied
    message = f"over the limit of {limit.bound} for {limit.whom}; try again in {_shown(wait)}"
    return Refusal(429, "rate_limit_exceeded", message, headers=((b"retry-after", b"%d" % max(ceil(wait), 1)),))


def _shown(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds < 1_000 else f"{ceil(seconds)} s"
