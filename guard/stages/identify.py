"""Identify: who is asking, by address, by certificate and by API key."""

from __future__ import annotations

from guard.exchange import Exchange
from guard.policy.clients import ANONYMOUS, Identity
from guard.policy.meters import Meters
from guard.refusal import Refusal
from guard.wire.forwarding import client_address
from guard.wire.handshake import protocol_key
from guard.wire.naming import session


def identify(exchange: Exchange, _meters: Meters) -> None:
    """Fill in the client's address and identity; 401 where the configuration wants a known client and it is none."""
    policy = exchange.policy
    head = exchange.head
    if head.caller is not None and head.caller[0] == policy.version:
        _, exchange.address, exchange.identity, exchange.asked_in = head.caller
        return
    if policy.trusted_proxies is not None:
        exchange.address = client_address(exchange.peer, head.headers, policy.trusted_proxies)
    if policy.session_header is not None and (told := head.value(policy.session_header)):
        exchange.asked_in = session(told)
    fields = head.fields
    key = api_key(fields)
    if b"sec-websocket-protocol" in fields:
        key = _one_key(key, protocol_key(head.headers))
    if key:
        known = policy.clients.identify(key)
        exchange.identity = known if exchange.identity is ANONYMOUS else _both(exchange.identity, known)
    if policy.require_known and exchange.identity.client is None:
        raise Refusal(401, "invalid_api_key", "a known API key or certificate is needed here")
    # A head belongs to one connection, and says the same of it for as long as the policy is the same.
    head.caller = policy.version, exchange.address, exchange.identity, exchange.asked_in


def _both(certified: Identity, known: Identity) -> Identity:
    """Who has this certificate and this key; either is enough to be known by.

    Raises:
        Refusal: they are two clients. Whose limits and blocks would hold is not for the caller to choose.
    """
    if certified.client is not None and known.client is not None and certified.client != known.client:
        raise Refusal(400, "ambiguous_client", "the API key and the certificate are those of two different clients")
    return Identity(known.key_id, known.client or certified.client, certified.certificate)


def api_key(fields: dict[bytes, bytes]) -> str | None:
    """The key that a request carries, by any of the ways of the known APIs.

    Raises:
        Refusal: it carries two. The one that the guard judged need not be the one that the model's server takes.
    """
    key = _bearer(fields[b"authorization"]) if b"authorization" in fields else b""
    for name in (b"x-api-key", b"api-key"):
        other = fields.get(name)
        if other and other != key:
            if key:
                raise _ambiguous()
            key = other
    return key.decode("latin-1") or None


def _one_key(key: str | None, other: str | None) -> str | None:
    if key and other and other != key:
        raise _ambiguous()
    return key or other


def _ambiguous() -> Refusal:
    return Refusal(400, "ambiguous_api_key", "the request carries two different API keys")


def _bearer(authorization: bytes) -> bytes:
    """The token (RFC 6750), or all of what is no bearer's."""
    scheme, *token = authorization.split(None, 1) or (b"",)
    return b"".join(token).strip() if scheme.lower() == b"bearer" else authorization
