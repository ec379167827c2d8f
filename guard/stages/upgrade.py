"""Upgrade: which route a WebSocket belongs to, and whether it may be opened there."""

from __future__ import annotations

from urllib.parse import parse_qsl

from guard.exchange import Exchange
from guard.policy.meters import Meters
from guard.refusal import Refusal
from guard.stages.route import route_for
from guard.wire.framing import upgrade_not_supported
from guard.wire.handshake import check_opening


def upgrade(exchange: Exchange, _meters: Meters) -> None:
    """Take the first route that accepts the query's ``model``; 501 where it relays no WebSockets.

    What the client offers is checked last, so that a route without WebSockets tells nothing of them.
    """
    if not any(route.websocket for route in exchange.routes):
        raise upgrade_not_supported()
    route = route_for(exchange, _model(exchange.target))
    if not route.websocket:
        raise upgrade_not_supported()
    check_opening(exchange.method, exchange.head.headers, http10=exchange.http10)
    exchange.route = route


def _model(target: str) -> str | None:
    """The model that the query names, as OpenAI's realtime API has it."""
    query = parse_qsl(target.partition("?")[2], keep_blank_values=True)
    named = [value for name, value in query if name == "model"]
    if len(named) > 1:
        raise Refusal(400, "bad_request", "the query names two models", close=True)
    return named[0] if named else None
