"""Message: read one message of a WebSocket's client as strictly as a body, and match the prompt rules."""

from __future__ import annotations

from guard.exchange import Exchange
from guard.formats.base import NotUnderstood, Prompt
from guard.formats.lenient import recoded
from guard.formats.unknown import strings
from guard.policy.meters import Meters
from guard.refusal import Refusal
from guard.stages.filter import filter_prompt
from guard.stages.parse import BEFORE_JSON
from guard.wire import body as strict
from guard.wire.websocket import Message


def read_message(exchange: Exchange, meters: Meters, message: Message) -> bytes:
    """Fill in the prompt of a message, and give what to forward of it: a JSON document in its canonical form.

    Binary messages that hold text are read like text, because a model server may do so too; others are sound or
    pictures and pass as they are. In a document that the format does not know all strings are text.

    Raises:
        Refusal: 400 for JSON that is not strict and for a blocking match, 415 for text that is no JSON where the route
            refuses what it does not understand.
    """
    exchange.prompt = None
    content = message.content
    if message.legible:
        content = _read(exchange, content, text=message.text)
    elif recoded(content) is not None:
        raise Refusal(400, "invalid_json", "the message is not valid JSON: it is not UTF-8")
    filter_prompt(exchange, meters)
    return content


def _read(exchange: Exchange, content: bytes, *, text: bool) -> bytes:
    start = content.lstrip(BEFORE_JSON)[:1]
    if start in (b"{", b"[", b'"'):
        try:
            document, canonical = strict.parse(content)
        except strict.BadBody as error:
            # A quotation mark begins many a text that nobody takes for JSON; an array or object is meant to be some.
            if start != b'"':
                raise Refusal(400, "invalid_json", str(error).replace("the body", "the message", 1)) from None
        else:
            exchange.prompt = _prompt(exchange, document)
            return canonical
    route = exchange.route
    if text and route is not None and route.not_understood == "refuse":
        raise Refusal(415, "unsupported_media_type", "expected messages of JSON")
    exchange.prompt = Prompt([content.decode()], [], None, False)
    return content


def _prompt(exchange: Exchange, document: object) -> Prompt:
    try:
        return exchange.routes[0].format.prompt(exchange.path, document)
    except NotUnderstood:
        return Prompt(strings(document), [], None, False)
