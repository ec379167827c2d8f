"""Route: which model serves this document, and what exactly is sent to it."""

from __future__ import annotations

from guard.exchange import Exchange
from guard.policy.limits import Meters
from guard.refusal import Refusal


def route(exchange: Exchange, _meters: Meters) -> None:
    """Take the first route that accepts the document's ``model`` field; 404 where none does."""
    name = exchange.prompt.model if exchange.prompt is not None else None
    for candidate in exchange.routes:
        if candidate.accepts(name):
            exchange.route = candidate
            return
    raise model_not_found()


def model_not_found() -> Refusal:
    """The refusal where no route is for this model."""
    return Refusal(404, "model_not_found", "no route leads to a model of this name")
