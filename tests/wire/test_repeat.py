"""Heads that come again: whatever is taken without the parser, the parser would have taken the same way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.wire.repeat import repeat_of

HEAD = b"POST /v1 HTTP/1.1\r\nHost: g\r\nContent-Length: %b\r\nAccept: */*\r\n\r\n"


def message(body: bytes, length: bytes | None = None) -> bytes:
    """A request with this body; its length is told as it is, or otherwise."""
    return HEAD % (length or b"%d" % len(body)) + body


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_a_message_with_the_same_head_gives_its_body(first, second):
    """Only the length may differ."""
    repeat = repeat_of(message(first))
    assert repeat is not None
    assert repeat.body_of(message(second)) == second


@pytest.mark.parametrize(
    "data",
    [
        message(b"abc")[:-1],
        message(b"abc") + b"x",
        message(b"abc") + message(b"abc"),
        message(b"abc", b"03"),
        message(b"abc", b"+3"),
        message(b"abc", b" 3"),
        message(b"abc", b"3 "),
        message(b"abc", b"0x3"),
        message(b"abc", b"\xb2"),
        message(b"abc", b"99999999999999999999"),
        message(b"abc", b"4"),
        message(b"abc").replace(b"*/*", b"*/x"),
        message(b"abc").replace(b"\r\n", b"\n"),
        message(b"abc").replace(b"POST", b"PUT"),
        message(b"abc").replace(b"Accept", b"Content-Length: 3\r\nAccept"),
        b"",
        b"POST",
    ],
)
def test_anything_else_is_for_the_parser(data):
    """A length written otherwise, another header, a part of a message, or more than one."""
    repeat = repeat_of(message(b"abc"))
    assert repeat is not None
    assert repeat.body_of(data) is None


@given(st.binary(max_size=200))
def test_no_bytes_break_it(data):
    """Arbitrary bytes are no repeat and no error."""
    repeat = repeat_of(message(b"abc"))
    assert repeat is not None
    assert repeat.body_of(data) is None
    assert repeat_of(data) is None


def test_a_head_without_a_length_is_not_kept():
    """Chunked messages and those without a body go through the parser each time."""
    assert repeat_of(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n") is None
    assert repeat_of(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") is None
