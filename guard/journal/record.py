"""The records of the journal, made from an exchange.

``prompt`` is written before the request goes to a model, ``part`` while a long answer streams, ``frame`` for each
message of a WebSocket, ``outcome`` at the end; they share the exchange's ``id``. An exchange that ends before it is
forwarded has one line, an outcome that also says what a prompt would. Texts are as they came; a body that is not UTF-8
stands as ``body_base64``. Where what models say is shed to save room, ``shed`` stands for it.
"""

from __future__ import annotations

import re
from base64 import b64encode
from time import monotonic
from typing import Any
from urllib.parse import unquote_plus

import orjson

from guard.exchange import Attempt, Exchange, Finding
from guard.redaction.presented import PARAMETER, SECRET_NAME
from guard.redaction.seams import Taken
from guard.redaction.secrets import secrets_of
from guard.wire.websocket import Message

USER = re.compile(r"(^|//)[^/?#@]*@")


def prompt_line(exchange: Exchange) -> bytes:
    """What is known of an exchange before it is forwarded."""
    record = {"kind": "prompt", "id": exchange.id}
    _put_request(record, exchange)
    return _line(record, exchange)


def part_line(exchange: Exchange, body: bytes, taken: Taken, *, withheld: bool = False) -> bytes:
    """A piece of a streamed answer: the bytes the client got since the last piece, and the model's texts by channel.

    `withheld`: of the bytes only their number is told, for a secret may run over several of their events.
    """
    record: dict[str, Any] = {"kind": "part", "id": exchange.id}
    _put_body(record, b"" if withheld else body)
    if withheld:
        record["withheld"] = len(body)
    record["output"] = taken.output
    return _line(record, exchange, taken.counts)


def frame_line(
    exchange: Exchange,
    side: str,
    message: Message,
    *,
    at: float,
    passed: bool,
    texts: list[str] | Taken,
    findings: list[Finding],
    shed: bool = False,
) -> bytes:
    """A message of a WebSocket: when it came from which side (``client`` or ``model``), and whether it was let through.

    `texts` are those that the prompt or the output is.
    """
    record: dict[str, Any] = {"kind": "frame", "id": exchange.id, "at": at, "from": side, "passed": passed}
    if shed:
        record |= {"shed": True, "text": ""}
        texts = Taken([], unfit=False, counts={})
    elif isinstance(texts, Taken) and texts.unfit:
        record |= {"text": None, "withheld": len(message.content)}
    elif message.text:
        record["text"] = message.content.decode()
    else:
        record["base64"] = b64encode(message.content).decode()
    if isinstance(texts, Taken):
        record["output"] = texts.output
    else:
        record["prompt"] = texts
    record["findings"] = findings
    return _line(record, exchange, texts.counts if isinstance(texts, Taken) else None)


def outcome_line(exchange: Exchange, *, forwarded: bool, shed: bool = False) -> bytes:
    """How an exchange ended; `forwarded`: its prompt line is written already; `shed`: without what was answered."""
    version = exchange.version
    response: dict[str, Any] = {"status": exchange.status or None}
    _put_body(response, b"" if shed else exchange.answer)
    if exchange.withheld:
        response["withheld"] = exchange.withheld
    record: dict[str, Any] = {"kind": "outcome", "id": exchange.id}
    if not forwarded:
        _put_request(record, exchange)
    findings = exchange.findings
    if forwarded and findings:
        findings = [finding for finding in findings if finding["target"] == "output"]
    record["version"] = version.name if version is not None else None
    record["attempts"] = [_attempt(attempt) for attempt in exchange.attempts]
    record["response"] = response
    record["output"] = [] if shed else exchange.output
    if shed:
        record["shed"] = True
    record["usage"] = exchange.usage
    record["confidence"] = exchange.confidence
    record["findings"] = findings
    record["timings"] = _timings(exchange)
    if exchange.session is not None:
        record["session"] = exchange.session
    record["end"] = exchange.end
    record["reason"] = exchange.refusal.code if exchange.refusal is not None else None
    return _line(record, exchange, exchange.redacted)


def refusals_line(record: dict[str, Any]) -> bytes:
    """Refusals that were counted, as `guard.journal.refusals` says it of them."""
    return orjson.dumps(record)


def _line(record: dict[str, Any], exchange: Exchange, output: dict[str, int] | None = None) -> bytes:
    """The record without the exchange's secrets; `output`: its output is without them already, and had so many."""
    secrets = exchange.secrets or secrets_of(exchange)
    return secrets.line(record, output=output)


def _put_request(record: dict[str, Any], exchange: Exchange) -> None:
    key_id, client, certificate = exchange.identity
    route = exchange.route or (exchange.routes[0] if exchange.routes else None)
    prompt = exchange.prompt
    request: dict[str, Any] = {"method": exchange.method, "path": _shown(exchange.target)}
    _put_body(request, exchange.body)
    if exchange.coding:
        request["decoded_from"] = exchange.coding
    record["at"] = exchange.at
    record["client"] = {
        "address": exchange.address,
        "key": key_id,
        "certificate": certificate,
        "account": client.account if client is not None else None,
        "name": client.name if client is not None else None,
        "session": exchange.asked_in,
    }
    record["route"] = route.path if route is not None else None
    record["model"] = route.model.name if route is not None else None
    record["policy"] = exchange.policy.version
    record["request"] = request
    record["prompt"] = prompt.texts if prompt is not None else []
    record["findings"] = exchange.findings


def _shown(target: str) -> str:
    """The target without the keys that some clients put into a query, and without the user of an absolute URL."""
    if "@" in target:
        target = USER.sub(r"\1***@", target)
    return PARAMETER.sub(_masked, target) if "=" in target else target


def _masked(parameter: re.Match[str]) -> str:
    before, name, _ = parameter.groups()
    return f"{before}{name}=***" if SECRET_NAME.fullmatch(unquote_plus(name)) else parameter[0]


def _put_body(record: dict[str, Any], body: bytes) -> None:
    try:
        record["body"] = body.decode() if body else None
    except UnicodeDecodeError:
        record["body_base64"] = b64encode(body).decode()


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "version": attempt.version.name,
        "status": attempt.status or None,
        "error": attempt.error,
        "ms": int(attempt.ms * 1000) / 1000,
    }


def _timings(exchange: Exchange) -> dict[str, int]:
    """Microseconds: all of it, waiting for models, the guard's own until the answer began, and until the client's
    first byte.
    """
    received_at = exchange.received_at or monotonic()  # a client that left before all of it was there
    total = int((monotonic() - received_at) * 1e6)
    return {
        "total_us": total,
        "upstream_us": int(exchange.waited * 1e6),
        "overhead_us": int(exchange.overhead * 1e6),
        "first_byte_us": int((exchange.first_byte_at - received_at) * 1e6) if exchange.first_byte_at else total,
    }
