"""How a model's answer is taken, by what its head says it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from guard.exchange import Exchange
from guard.proxy.streamed import Streamed
from guard.proxy.whole import JSON_TYPES, Whole
from guard.refusal import Refusal
from guard.wire.framing import NO_BODY
from guard.wire.pieces import LINE_TYPES

if TYPE_CHECKING:
    from guard.proxy.relay import Relay
    from guard.wire.head import AnswerHead


class Answer(Protocol):
    """What a relay does with a model's answer once its head is there."""

    def body(self, data: bytes) -> None:
        """Some of the body."""

    def close(self, *, told: bool) -> None:
        """The body is whole; not `told`: only the connection's close says so, which a broken one looks like too."""

    def truncated(self, error: str, refusal: Refusal) -> None:
        """The body will not become whole; the client must see that, and is told `refusal` if there is a way."""

    def refused(self, refusal: Refusal) -> None:
        """The client is not given the rest, and is told `refusal` if there is a way."""

    def cut(self) -> None:
        """The client has left; keep for the journal what there is."""


def open_answer(relay: Relay, status: int, head: AnswerHead, length: bytes | None) -> Answer | None:
    """Take an answer; None when it could not be inspected and was refused."""
    relay.exchange.status = status
    if head.illegible:
        relay.exchange.attempts[-1].error = "the answer is compressed, or in a charset that cannot be read"
        relay.refuse(Refusal(502, "upstream_error", "the model's answer cannot be inspected"), end="upstream_error")
        return None
    if relay.exchange.method == "HEAD" or status in NO_BODY or _is_document(relay.exchange, head):
        return Whole(relay, head, length)
    return Streamed(relay, head)


def _is_document(exchange: Exchange, head: AnswerHead) -> bool:
    """Whether the client will read the answer as one JSON document, by its type or by what was asked for."""
    if head.kind in LINE_TYPES or head.kind == b"text/event-stream":
        return False
    if head.kind.endswith(JSON_TYPES):
        return True
    route, prompt = exchange.route, exchange.prompt
    return route is not None and prompt is not None and not prompt.stream and route.format.structured(exchange.path)
