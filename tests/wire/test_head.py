"""Heads that were parsed once."""

from __future__ import annotations

import pytest

from guard.refusal import Refusal
from guard.wire.head import AnswerHead, RequestHead


def test_a_request_head_is_checked_when_it_is_made():
    """A head that is no legal request's cannot exist."""
    with pytest.raises(Refusal):
        RequestHead([(b"host", b"a"), (b"host", b"b")], "1.1")
    head = RequestHead([(b"host", b"a"), (b"expect", b"100-continue"), (b"transfer-encoding", b"chunked")], "1.1")
    assert (head.expects, head.chunked, head.fields[b"host"]) == (True, True, b"a")


def test_another_type_of_body_is_another_head():
    """All other fields are kept, and nothing that was derived from the old type."""
    head = RequestHead([(b"host", b"a"), (b"content-type", b"a/b"), (b"x", b"content-type")], "1.1")
    head.for_model["x"] = b"content-type: a/b"
    other = head.retyped(b"c/d")
    assert other.headers == [(b"host", b"a"), (b"content-type", b"c/d"), (b"x", b"content-type")]
    assert (other.for_model, other.version, head.fields[b"content-type"]) == ({}, "1.1", b"a/b")


@pytest.mark.parametrize(
    ("headers", "kind", "illegible", "coding"),
    [
        ([], b"", False, b""),
        ([(b"content-type", b"Text/Event-Stream; charset=utf-8")], b"text/event-stream", False, b""),
        ([(b"content-encoding", b"gzip")], b"", True, b""),
        ([(b"content-type", b"text/plain; charset=UTF-16le")], b"text/plain", True, b""),
        ([(b"content-type", b'text/plain;a=b;charset="utf-7"')], b"text/plain", True, b""),
        ([(b"content-type", b"text/plain; charset = IBM037")], b"text/plain", True, b""),
        ([(b"content-type", b"text/plain; charset=UTF8")], b"text/plain", False, b""),
        ([(b"content-type", b"text/html; charset=ISO-8859-1")], b"text/html", False, b""),
        ([(b"content-type", b"text/html; charset=windows-1252")], b"text/html", False, b""),
        ([(b"content-encoding", b"Identity")], b"", False, b""),
        ([(b"transfer-encoding", b"Chunked")], b"", False, b"chunked"),
        ([(b"transfer-encoding", b"gzip"), (b"transfer-encoding", b"chunked")], b"", False, b"gzip,chunked"),
    ],
)
def test_an_answer_head_tells_what_the_answer_is(headers, kind, illegible, coding):
    """Its kind, its coding and its framing, read once."""
    head = AnswerHead(headers)
    assert (head.kind, head.illegible, head.coding) == (kind, illegible, coding)


def test_what_a_connection_header_lists_does_not_go_on():
    """Hop-by-hop headers end here, also those that the model names itself."""
    head = AnswerHead([(b"connection", b"x-a"), (b"x-a", b"1"), (b"x-b", b"2"), (b"x-guard-id", b"forged")])
    assert head.lines == b"x-b: 2\r\nvia: 1.1 guard\r\n"
