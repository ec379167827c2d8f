"""Limit: hold each caller to its share."""

from __future__ import annotations

from math import ceil
from time import monotonic

from guard.exchange import Exchange
from guard.policy.limits import Denied, Limit, Meters
from guard.refusal import Refusal


def limit(exchange: Exchange, meters: Meters) -> None:
    """429 when the request is over a limit; what it holds of concurrency is given back when the exchange ends."""
    limits = exchange.policy.limits
    if not limits:
        return
    now = monotonic()
    subjects = _subjects(exchange)
    verdict = meters.admit(limits, subjects, now)
    if isinstance(verdict, Denied):
        remaining = meters.remaining(verdict.limit, subjects[verdict.limit.per] or "", now)
        raise Refusal(429, "rate_limit_exceeded", _message(verdict), headers=_headers(verdict, remaining))
    exchange.held = verdict


def _subjects(exchange: Exchange) -> dict[str, str | None]:
    client = exchange.identity.client
    return {
        # A key that nobody knows proves nothing, so it is the address that such a client is held to.
        "client": client.name if client is not None else exchange.address,
        "account": client.account if client is not None else None,
        "address": exchange.address,
        "route": exchange.routes[0].path,
        "global": "",
    }


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
            (b"ratelimit-policy", b'"%b";q=%d;w=%d' % (name, limit.count, limit.window)),
            (b"ratelimit", b'"%b";r=%d;t=%d' % (name, remaining, seconds)),
            (b"x-ratelimit-limit-requests", b"%d" % limit.count),
            (b"x-ratelimit-remaining-requests", b"%d" % remaining),
            (b"x-ratelimit-reset-requests", b"%.3gs" % denied.retry_after),
        ]
    return tuple(headers)
