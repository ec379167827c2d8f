"""Route: which model serves this document, and what exactly is sent to it."""

from __future__ import annotations

from guard.exchange import Exchange
from guard.policy.meters import Meters
from guard.policy.models import Route
from guard.refusal import Refusal


def route(exchange: Exchange, _meters: Meters) -> None:
    """Take the first route that accepts the document's ``model`` field; 404 where none does."""
    exchange.route = route_for(exchange, exchange.prompt.model if exchange.prompt is not None else None)


def route_for(exchange: Exchange, name: str | None) -> Route:
    """The first of the routes under the request's path that is for this model.

    Raises:
        Refusal: 404 where none is; 503 where the model is isolated.
    """
    for candidate in exchange.routes:
        if candidate.accepts(name):
            if candidate.model.isolated:
                raise isolated()
            return candidate
    raise Refusal(404, "model_not_found", "no route leads to a model of this name")


def isolated(*, close: bool = False) -> Refusal:
    """The refusal for a model that nobody gets to; `close`: it ends what was already open."""
    return Refusal(503, "endpoint_isolated", "this model is not available now", close=close)
