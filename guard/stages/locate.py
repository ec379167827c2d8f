"""Locate: which routes the path can mean. It comes first because they tell how an error must look to this client."""

from __future__ import annotations

from guard.exchange import Exchange
from guard.policy.meters import Meters
from guard.refusal import Refusal


def locate(exchange: Exchange, _meters: Meters) -> None:
    """Find the routes under the request's path; 404 where there is none."""
    exchange.path = path = exchange.target.partition("?")[0]
    exchange.routes = routes = exchange.policy.routes.under(path)
    if not routes:
        raise Refusal(404, "not_found", "no route leads to this path")
