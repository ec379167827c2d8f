"""Heads of answers, and whole answers that the guard gives in the model's place."""

from __future__ import annotations

from guard.exchange import Exchange
from guard.formats.base import Format
from guard.formats.registry import format_for
from guard.policy.allowance import with_allowance
from guard.refusal import Refusal
from guard.wire.headers import STATUS_LINES

DEFAULT = format_for("openai")


def journal_unavailable() -> Refusal:
    """The refusal when what happens could not be written down: the guard then fails closed."""
    return Refusal(
        503, "journal_unavailable", "the guard cannot keep its records now", headers=((b"retry-after", b"1"),)
    )


def broken_off() -> Refusal:
    """What a client is told when the model's answer ends before its end."""
    return Refusal(502, "upstream_error", "the model's answer broke off")


def no_answer(*, timeout: bool) -> Refusal:
    """The refusal when no version answered, within its time or at all."""
    if timeout:
        return Refusal(504, "upstream_timeout", "no model version answered in time")
    return Refusal(502, "upstream_error", "no model version could answer")


def shutting_down() -> Refusal:
    """The refusal of what is still open when the drain window ends."""
    return Refusal(503, "shutting_down", "the guard is shutting down", close=True)


def internal_error() -> Refusal:
    """The refusal when the guard itself is at fault; the log has the traceback."""
    return Refusal(500, "internal_error", "the guard met a fault of its own")


def format_of(exchange: Exchange) -> Format:
    """The format that tells how this client's errors look."""
    return exchange.routes[0].format if exchange.routes else DEFAULT


def answer_head(exchange: Exchange, status: int, lines: bytes, framing: bytes) -> bytes:
    """The head of an answer: status line, `lines`, what the guard says of itself, and how the end will be told.

    An exchange without an id is in no journal, and says so by not having one.
    """
    version = exchange.version
    held = exchange.held
    if held is not None:
        lines = with_allowance(lines, held.requests, held.tokens)
    id_line = b"x-guard-id: %b\r\n" % exchange.id.encode() if exchange.id else b""
    return b"%b%b%bx-guard-policy: %b\r\n%bx-guard-overhead-us: %d\r\n%b\r\n" % (
        STATUS_LINES[status], lines, id_line, exchange.policy.wire_version,
        version.wire_line if version is not None else b"", exchange.overhead * 1e6, framing,
    )  # fmt: skip


def interim_head(status: int, lines: bytes) -> bytes:
    """The head of an answer that is not the final one (RFC 9110, section 15.2)."""
    return b"%b%b\r\n" % (STATUS_LINES[status], lines)


def refusal_body(exchange: Exchange, refusal: Refusal) -> bytes:
    """The body of an answer made by the guard, in the shape that the called API's clients expect."""
    return format_of(exchange).error(refusal.status, refusal.code, refusal.message)


def refusal_head(exchange: Exchange, refusal: Refusal, size: int, *, keep: bool) -> bytes:
    """The head before a body of that size; `keep`: the connection goes on after it."""
    lines = b"".join([b"%b: %b\r\n" % field for field in refusal.headers])
    framing = b"content-type: application/json\r\ncontent-length: %d\r\n%b" % (
        size,
        connection_line(exchange, keep=keep),
    )
    return answer_head(exchange, refusal.status, lines, framing)


def connection_line(exchange: Exchange, *, keep: bool) -> bytes:
    """The ``Connection`` line that an answer needs, if any (RFC 9112, section 9.3)."""
    if not keep:
        return b"connection: close\r\n"
    return b"connection: keep-alive\r\n" if exchange.http10 else b""
