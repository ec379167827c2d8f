"""The opening handshake, as the guard judges a client's and a model's."""

from __future__ import annotations

import pytest

from guard.exchange import Headers
from guard.refusal import Refusal
from guard.wire.handshake import (
    BadHandshake,
    accept_of,
    answer_lines,
    asks_websocket,
    check_answer,
    check_opening,
    new_key,
    opening_lines,
    protocol_key,
    without_handshake,
)

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def opening(**changed: bytes | None) -> Headers:
    """A client's handshake with some fields changed, or left out."""
    fields: dict[str, bytes | None] = {
        "connection": b"Upgrade", "upgrade": b"websocket", "sec_websocket_version": b"13", "sec_websocket_key": KEY,
    }  # fmt: skip
    fields |= changed
    return [(name.replace("_", "-").encode(), value) for name, value in fields.items() if value is not None]


def answer(**changed: bytes | None) -> Headers:
    """A model's answer to it, likewise."""
    return opening(sec_websocket_version=None, sec_websocket_key=None, sec_websocket_accept=ACCEPT, **changed)


def test_accept_is_the_one_of_the_rfc():
    """The example of RFC 6455, section 1.3."""
    assert accept_of(KEY) == ACCEPT


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([b"websocket"], True),
        ([b"WebSocket"], True),
        ([b"websocket, h2c"], False),
        ([b"websocket", b"h2c"], False),
        ([b"websocket", b"websocket"], False),
        ([b"h2c"], False),
        ([b""], False),
        ([], False),
    ],
)
def test_only_websocket_alone_is_asked_for(values, expected):
    """An upgrade that leaves a choice is none to WebSocket."""
    assert asks_websocket([(b"upgrade", value) for value in values]) is expected


@pytest.mark.parametrize(
    "headers",
    [
        opening(),
        opening(connection=b"keep-alive, UPGRADE"),
        opening(sec_websocket_protocol=b"realtime, x.y"),
        [*opening(sec_websocket_protocol=b"a"), (b"sec-websocket-protocol", b"b")],
    ],
)
def test_legal_opening(headers):
    """What section 4.1 asks of a client gives its key."""
    assert check_opening("GET", headers, http10=False) == KEY


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (opening(connection=b"keep-alive"), 400),
        (opening(connection=None), 400),
        (opening(sec_websocket_version=None), 426),
        (opening(sec_websocket_version=b"8"), 426),
        (opening(sec_websocket_version=b"13, 8"), 426),
        ([*opening(), (b"sec-websocket-version", b"13")], 426),
        (opening(sec_websocket_key=None), 400),
        (opening(sec_websocket_key=b""), 400),
        (opening(sec_websocket_key=b"dGhlIHNhbXBsZSBub25jZR=="), 400),
        (opening(sec_websocket_key=b"dGhlIHNhbXBsZSBub25j"), 400),
        (opening(sec_websocket_key=KEY + b"\n"), 400),
        (opening(sec_websocket_key=KEY + b" "), 400),
        ([*opening(), (b"sec-websocket-key", KEY)], 400),
        (opening(sec_websocket_protocol=b""), 400),
        (opening(sec_websocket_protocol=b"a,,b"), 400),
        (opening(sec_websocket_protocol=b"a b"), 400),
        (opening(sec_websocket_protocol=b"a, a"), 400),
        ([*opening(sec_websocket_protocol=b"a"), (b"sec-websocket-protocol", b"a")], 400),
    ],
)
def test_illegal_opening(headers, status):
    """Anything missing, repeated or malformed is refused; another version is told which one is spoken."""
    with pytest.raises(Refusal) as caught:
        check_opening("GET", headers, http10=False)
    assert caught.value.status == status
    assert (status == 426) == ((b"sec-websocket-version", b"13") in caught.value.headers)


@pytest.mark.parametrize(("method", "http10"), [("POST", False), ("HEAD", False), ("GET", True)])
def test_opening_is_get_with_http_1_1(method, http10):
    """No other method and no older HTTP opens a WebSocket."""
    with pytest.raises(Refusal, match="GET with HTTP"):
        check_opening(method, opening(), http10=http10)


def test_answer_gives_the_chosen_subprotocol():
    """One of those offered, or none."""
    assert check_answer(answer(), KEY, [b"a"]) is None
    assert check_answer(answer(sec_websocket_protocol=b"b"), KEY, [b"a", b"b"]) == b"b"


@pytest.mark.parametrize(
    "headers",
    [
        answer(upgrade=b"h2c"),
        answer(upgrade=None),
        answer(connection=b"close"),
        [*answer(), (b"sec-websocket-accept", ACCEPT)],
        opening(sec_websocket_accept=accept_of(b"another")),
        opening(),
        answer(sec_websocket_protocol=b"c"),
        answer(sec_websocket_protocol=b"A"),
        answer(sec_websocket_protocol=b"a, b"),
        [*answer(sec_websocket_protocol=b"a"), (b"sec-websocket-protocol", b"b")],
        answer(sec_websocket_extensions=b"permessage-deflate"),
    ],
)
def test_answer_to_something_else_is_refused(headers):
    """A wrong proof, another protocol, an extension or a subprotocol that nobody offered."""
    with pytest.raises(BadHandshake):
        check_answer(headers, KEY, [b"a", b"b"])


def test_lines_are_a_handshake():
    """What the guard writes, it would accept itself."""
    key = new_key()
    assert key != new_key()
    for lines, check in (
        (opening_lines(key, [b"a", b"b"]), lambda fields: check_opening("GET", fields, http10=False) == key),
        (answer_lines(key, b"b"), lambda fields: check_answer(fields, key, [b"a", b"b"]) == b"b"),
        (answer_lines(key, None), lambda fields: check_answer(fields, key, []) is None),
    ):
        pairs = [line.split(b": ") for line in lines.split(b"\r\n") if line]
        assert check([(name, value) for name, value in pairs])


def test_key_among_the_subprotocols():
    """OpenAI's browser clients carry their API key there; two of them are one too many."""
    offered = opening(sec_websocket_protocol=b"realtime, openai-insecure-api-key.sk-1, openai-beta.realtime-v1")
    assert protocol_key(offered) == "sk-1"
    assert protocol_key(opening(sec_websocket_protocol=b"realtime")) is None
    assert protocol_key(opening(sec_websocket_protocol=b"openai-insecure-api-key.")) is None
    with pytest.raises(Refusal, match="two different"):
        protocol_key([*offered, (b"sec-websocket-protocol", b"openai-insecure-api-key.sk-2")])


def test_nothing_of_the_clients_handshake_is_forwarded():
    """Not even what servers that read `_` as `-` would take for it."""
    headers = [*opening(sec_websocket_extensions=b"x"), (b"sec_websocket_key", b"y"), (b"x-a", b"z")]
    assert [name for name, _ in without_handshake(headers)] == [b"connection", b"upgrade", b"x-a"]
