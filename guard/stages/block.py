"""Block: refuse whom an operator has blocked."""

from __future__ import annotations

from guard.exchange import Exchange
from guard.policy.meters import Meters
from guard.refusal import Refusal


def block(exchange: Exchange, _meters: Meters) -> None:
    """403 for a blocked address, key, client or account. The client is not told which: that would help it around."""
    blocked = exchange.policy.blocks.find(exchange.address, exchange.identity)
    if blocked is not None:
        exchange.note(f"block {blocked}", "client", "enforce", "block")
        raise client_blocked()


def client_blocked(*, close: bool = False) -> Refusal:
    """The refusal for a blocked caller; `close`: it ends what was already open, and the connection with it."""
    return Refusal(403, "client_blocked", "this client is blocked", close=close)
