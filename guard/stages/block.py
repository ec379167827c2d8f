"""Block: refuse whom an operator has blocked."""

from __future__ import annotations

from guard.exchange import Exchange
from guard.policy.blocks import Found
from guard.policy.meters import Meters
from guard.policy.policy import Policy
from guard.refusal import Refusal


def block(exchange: Exchange, _meters: Meters) -> None:
    """403 for whom a block names. The client is not told which it was: that would help it around. One that is simulated
    is only noted.
    """
    head, number = exchange.head, exchange.policy.blocks.number
    if head.blocked is None or head.blocked[0] != number:
        # A head belongs to one connection, and says the same of its caller for as long as the blocks are the same.
        head.blocked = number, blocked(exchange, exchange.policy)
    found: Found | None = head.blocked[1]
    if found is None:
        return
    exchange.note(f"block {found.what}", "client", "shadow" if found.simulated else "enforce", "block")
    if not found.simulated:
        raise client_blocked()


def blocked(exchange: Exchange, policy: Policy) -> Found | None:
    """What of the caller is blocked under a policy, which need not be the one that the exchange began with."""
    if not policy.blocks:
        return None
    agent = exchange.head.value(b"user-agent")
    return policy.blocks.find(
        exchange.address,
        exchange.identity,
        exchange.asked_in,
        agent.decode("latin-1") if agent is not None else None,
    )


def client_blocked(*, close: bool = False) -> Refusal:
    """The refusal for a blocked caller; `close`: it ends what was already open, and the connection with it."""
    return Refusal(403, "client_blocked", "this client is blocked", close=close)
