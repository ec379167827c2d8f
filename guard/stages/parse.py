"""Parse: read the body strictly, and learn from its format which strings are prompt text."""

from __future__ import annotations

from guard.exchange import Exchange
from guard.formats.base import NotUnderstood, Prompt
from guard.formats.text import add_text
from guard.policy.meters import Meters
from guard.refusal import Refusal
from guard.stages.form import form_prompt, unsupported_charset
from guard.wire import body as strict
from guard.wire import multipart
from guard.wire.coding import decode
from guard.wire.media import BadMediaType, MediaType, media_type

JSON_STARTS = frozenset(b"{[")
# White space, and what UTF-16, UTF-32 and byte order marks put before the first character: servers find JSON behind it.
BEFORE_JSON = b" \t\r\n\x0b\x0c\x00\xef\xbb\xbf\xfe\xff"
UNTYPED = MediaType("", {})


def parse(exchange: Exchange, _meters: Meters) -> None:
    """Fill in the document, the prompt and the bytes to forward. A request without a body has nothing to read."""
    fields = exchange.head.fields
    if b"content-encoding" in fields and exchange.body:
        _decode(exchange)
    if not exchange.body:
        return
    kind = fields.get(b"content-type", b"")
    if kind == b"application/json":
        _parse_json(exchange)
    else:
        _parse_by_type(exchange, _media_type(kind) if kind else UNTYPED)


def _decode(exchange: Exchange) -> None:
    lines = [value for name, value in exchange.head.headers if name == b"content-encoding"]
    coding = b",".join(lines).strip().lower()
    if coding != b"identity":
        exchange.body = decode(coding, exchange.body, exchange.policy.http)
        exchange.coding = coding.decode()


def _media_type(value: bytes) -> MediaType:
    try:
        media = media_type(value)
    except BadMediaType as error:
        raise Refusal(400, "invalid_content_type", str(error)) from None
    if not media.is_utf8:
        raise unsupported_charset()
    return media


def _parse_by_type(exchange: Exchange, media: MediaType) -> None:
    """Read a form as one where a route takes forms; else what looks like JSON is JSON, whatever its type.

    For a model's server may not look at the type either.
    """
    body = exchange.body
    if media.kind == "multipart/form-data" and _any_route_takes(exchange, "multipart"):
        _parse_form(exchange, media)
    elif body[0] in JSON_STARTS or "json" in media.kind or body.lstrip(BEFORE_JSON)[:1] in (b"{", b"["):
        _parse_json(exchange)
    elif media.is_binary and _route_takes(exchange, "binary", None):
        exchange.prompt = Prompt([], [], None, False)
        add_text(exchange.prompt, body)
    else:
        _unsupported(exchange)


def _parse_json(exchange: Exchange) -> None:
    try:
        exchange.document, exchange.canonical = strict.parse(exchange.body)
    except strict.BadBody as error:
        raise Refusal(400, "invalid_json", str(error)) from None
    try:
        exchange.prompt = exchange.routes[0].format.prompt(exchange.path, exchange.document)
    except NotUnderstood as error:
        _not_understood(exchange, 400, "body_not_understood", str(error))


def _parse_form(exchange: Exchange, media: MediaType) -> None:
    try:
        form = multipart.parse(exchange.body, media.parameters.get("boundary"))
        prompt = form_prompt(form)
    except multipart.BadForm as error:
        raise Refusal(400, "invalid_multipart", f"the body is no valid form: {error}") from None
    if not _route_takes(exchange, "multipart", prompt.model):
        _unsupported(exchange)
        return
    exchange.document, exchange.prompt, exchange.canonical = form, prompt, bytes(form)
    exchange.head = exchange.head.retyped(form.content_type)


def _any_route_takes(exchange: Exchange, kind: str) -> bool:
    """Whether any route that the request could take also accepts bodies of a kind."""
    return any(kind in route.also_accept for route in exchange.routes)


def _route_takes(exchange: Exchange, kind: str, model: str | None) -> bool:
    """Whether the route that the request will take also accepts bodies of a kind; where there is none, that is told."""
    route = next((route for route in exchange.routes if route.accepts(model)), None)
    return route is None or kind in route.also_accept


def _unsupported(exchange: Exchange) -> None:
    _not_understood(exchange, 415, "unsupported_media_type", "a body of this type is not accepted here; JSON is")


def _not_understood(exchange: Exchange, status: int, code: str, message: str) -> None:
    """Refuse, or where a route says `pass`, let it through with all of it read as text."""
    if any(route.not_understood == "refuse" for route in exchange.routes):
        raise Refusal(status, code, message)
    exchange.prompt = Prompt([(exchange.canonical or exchange.body).decode(errors="replace")], [], None, False)
