"""Reserve: hold each caller to its share of tokens and of what they cost, and to what counts for each model.

What a request will use is estimated when its prompt is known, reserved, and settled when it is known: by the usage that
the answer tells, or where it tells none by what was seen of it.
"""

from __future__ import annotations

from typing import Any

from guard.config import Price
from guard.exchange import Exchange
from guard.policy.limits import Amounts, Who
from guard.policy.meters import Meters
from guard.stages.limit import over, take

TOKEN_BYTES = 4
"""A token of text is about so long."""

MOST_TOKENS = 2**40
BOUNDS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
"""What the APIs call the most that a model is to write."""


def estimate(exchange: Exchange, _meters: Meters) -> None:
    """Note how many tokens the model may read and write, unless that is known."""
    prompt = exchange.prompt
    if prompt is not None and exchange.expected is None:
        exchange.expected = tokens_in(prompt.texts), _bound(exchange.document)


def reserve(exchange: Exchange, meters: Meters) -> None:
    """429 when more is asked for than is left; what is reserved is settled when the exchange ends.

    A request that is refused here has counted as a request: else those that ask for too much could come without end.
    """
    limits = exchange.policy.limits.body
    route = exchange.route
    if not limits or route is None:
        return
    read, written = exchange.expected or (0, 0)
    who = Who(exchange.address, exchange.identity.client, exchange.routes[0].path, route.model.name)
    amounts = 1.0, float(read + written), _cost(route.model.versions[0].price, read, written)
    take(exchange, meters.reserve(limits, who, amounts, meters.now(), exchange.held))


def check_share(exchange: Exchange, meters: Meters) -> None:
    """429 when an exchange that goes on, as a WebSocket's does, has used more than there was."""
    if exchange.held is not None and exchange.held.reserved:
        denied = meters.overdrawn(exchange.held, meters.now())
        if denied is not None:
            raise over(exchange, denied)


def settle(exchange: Exchange, meters: Meters) -> None:
    """What was reserved was used so, or has been so far."""
    if exchange.held is not None and exchange.held.reserved:
        meters.settle(exchange.held, _used(exchange), meters.now())


def tokens_in(texts: list[str]) -> int:
    """About how many tokens these are."""
    size = sum([len(text) if text.isascii() else len(text.encode(errors="replace")) for text in texts])
    return -(-size // TOKEN_BYTES)


def _bound(document: Any) -> int:
    if type(document) is not dict:
        return 0
    told = [max(document[name], 0) for name in BOUNDS if type(document.get(name)) is int]
    return min(max(told, default=0), MOST_TOKENS)


def _used(exchange: Exchange) -> Amounts:
    read, written = _tokens(exchange)
    version = exchange.version
    return 1.0, float(read + written), _cost(version.price, read, written) if version is not None else 0.0


def _tokens(exchange: Exchange) -> tuple[int, int]:
    """How many tokens the model has read and written."""
    if not exchange.attempts:
        return 0, 0
    seen = -(-(exchange.seen + _size(exchange)) // TOKEN_BYTES)
    usage = exchange.usage
    if usage is not None:
        written = usage["output_tokens"]
        read = max(usage["input_tokens"], usage["total_tokens"] - written)
        # What was told in the middle of an answer is not all of it.
        return read, written if exchange.end == "complete" else max(written, seen)
    last = exchange.attempts[-1]
    untouched = not last.status and last.error is not None and "timeout" not in last.error
    if last.status >= 400 or (untouched and not seen):
        return 0, 0
    return exchange.expected[0] if exchange.expected is not None else 0, seen


def _size(exchange: Exchange) -> int:
    return sum([len(text) if isinstance(text, str) else len(text[1]) for text in exchange.output])


def _cost(price: Price, read: int, written: int) -> float:
    return (read * price.input + written * price.output) / 1e6
