"""Identify: who is asking, by address and by API key."""

from __future__ import annotations

from guard.exchange import Exchange
from guard.policy.limits import Meters
from guard.refusal import Refusal
from guard.wire.address import client_address


def identify(exchange: Exchange, _meters: Meters) -> None:
    """Fill in the client's address and identity; 401 where the configuration wants a known key and there is none."""
    policy = exchange.policy
    if policy.trusted_proxies is not None:
        exchange.address = client_address(exchange.peer, exchange.head.headers, policy.trusted_proxies)
    key = api_key(exchange.head.fields)
    if key:
        exchange.identity = policy.clients.identify(key)
    if policy.require_known and exchange.identity.client is None:
        raise Refusal(401, "invalid_api_key", "a known API key is needed here")


def api_key(fields: dict[bytes, bytes]) -> str | None:
    """The key that a request carries, by any of the ways of the known APIs; ``Authorization`` goes first (RFC 6750)."""
    authorization = fields.get(b"authorization")
    if authorization is not None:
        scheme, _, credential = authorization.partition(b" ")
        return (credential.strip() if scheme.lower() == b"bearer" else authorization).decode("latin-1")
    key = fields.get(b"x-api-key") or fields.get(b"api-key")
    return key.decode("latin-1") if key is not None else None
