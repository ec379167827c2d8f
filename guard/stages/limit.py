"""Limit: hold each caller to its share."""

from __future__ import annotations

from functools import partial
from math import ceil
from time import monotonic

from guard.exchange import Exchange
from guard.policy.limits import Denied, Limit, Meters
from guard.refusal import Refusal
from guard.wire.address import household


def limit(exchange: Exchange, meters: Meters) -> None:
    """429 when the request is over a limit; what it holds of concurrency is given back when the exchange ends."""
    limits = exchange.policy.limits
    if not limits.all:
        return
    now = monotonic()
    verdict = meters.admit(limits, partial(_subject, exchange), now)
    if isinstance(verdict, Denied):
        remaining = meters.remaining(verdict.limit, _subject(exchange, verdict.limit.per) or "", now)
        raise Refusal(429, "rate_limit_exceeded", _message(verdict), headers=_headers(verdict, remaining))
    exchange.held = verdict


def _subject(exchange: Exchange, per: str) -> str | None:
    """Whom a limit of this kind holds here; None: nobody."""
    if per == "address":
        return household(exchange.address)
    client = exchange.identity.client
    if per == "client":
        # A key that nobody knows proves nothing, so it is the address that such a client is held to.
        return client.name if client is not None else household(exchange.address)
    if per == "account":
        return client.account if client is not None else None
    return exchange.routes[0].path if per == "route" else ""


def _message(denied: Denied) -> str:
    limit = denied.limit
    bound = limit.requests if denied.what == "requests" else f"{limit.concurrency} at once"
    return f"over the limit of {bound} for each {limit.per}; try again in {denied.retry_after:.3g} s"


def _headers(denied: Denied, remaining: int) -> tuple[tuple[bytes, bytes], ...]:
    """``Retry-After`` (RFC 9110, 10.2.3), ``RateLimit`` (draft-ietf-httpapi-ratelimit-headers) and the OpenAI names."""
    limit: Limit = denied.limit
    seconds = max(ceil(denied.retry_after), 1)
    headers = [(b"retry-after", b"%d" % seconds)]
    if denied.what == "requests":
        name = limit.per.encode()
        headers += [
            (b"ratelimit-policy", b'"%b";q=%d;w=%d' % (name, limit.quota, limit.window)),
            (b"ratelimit", b'"%b";r=%d;t=%d' % (name, remaining, seconds)),
            (b"x-ratelimit-limit-requests", b"%d" % limit.quota),
            (b"x-ratelimit-remaining-requests", b"%d" % remaining),
            (b"x-ratelimit-reset-requests", b"%.3gs" % denied.retry_after),
        ]
    return tuple(headers)
