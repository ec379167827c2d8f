"""Parse: read the body strictly, and learn from its format which strings are prompt text."""

from __future__ import annotations

from guard.exchange import Exchange
from guard.formats.base import NotUnderstood, Prompt
from guard.policy.limits import Meters
from guard.refusal import Refusal
from guard.wire import body as strict

JSON_STARTS = frozenset(b"{[")
# White space, and what UTF-16, UTF-32 and byte order marks put before the first character: servers find JSON behind it.
BEFORE_JSON = b" \t\r\n\x0b\x0c\x00\xef\xbb\xbf\xfe\xff"


def parse(exchange: Exchange, _meters: Meters) -> None:
    """Fill in the document, the prompt and the bytes to forward. A request without a body has nothing to read.

    Whatever the ``Content-Type`` says, a body that looks like JSON is read as JSON, because a model server may do so
    too.
    """
    coding = exchange.head.fields.get(b"content-encoding")
    if coding is not None and coding.strip().lower() != b"identity":
        raise Refusal(415, "unsupported_content_encoding", "a compressed body is not accepted: send it plain")
    body = exchange.body
    if not body:
        return
    if (
        body[0] in JSON_STARTS
        or b"json" in exchange.head.fields.get(b"content-type", b"").lower()
        or body.lstrip(BEFORE_JSON)[:1] in (b"{", b"[")
    ):
        _parse_json(exchange)
    else:
        _not_understood(exchange, 415, "unsupported_media_type", "expected a JSON body")


def _parse_json(exchange: Exchange) -> None:
    try:
        exchange.document, exchange.canonical = strict.parse(exchange.body)
    except strict.BadBody as error:
        raise Refusal(400, "invalid_json", str(error)) from None
    try:
        exchange.prompt = exchange.routes[0].format.prompt(exchange.path, exchange.document)
    except NotUnderstood as error:
        _not_understood(exchange, 400, "body_not_understood", str(error))


def _not_understood(exchange: Exchange, status: int, code: str, message: str) -> None:
    """Refuse, or where a route says `pass`, let it through with all of it read as text."""
    if any(route.not_understood == "refuse" for route in exchange.routes):
        raise Refusal(status, code, message)
    exchange.prompt = Prompt([(exchange.canonical or exchange.body).decode(errors="replace")], [], None, False)
