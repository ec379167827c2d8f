"""What must hold for any bytes whatever, from a client or from a model; an AssertionError says what does not."""

from __future__ import annotations

from collections.abc import Sequence

from guard.config import Http
from guard.wire.head import RequestHead
from guard.wire.headers import to_model
from guard.wire.upstream import MAX_HEADER_BYTES
from tests.support.hearing import Heard, hear
from tests.support.reading import Asked, Reading, read
from tests.support.reference import answer_in, requests_in

HTTP = Http()
HOP_BY_HOP = {b"connection", b"keep-alive", b"te", b"trailer", b"upgrade", b"proxy-connection"}


def judge_requests(pieces: Sequence[bytes], http: Http = HTTP) -> Reading:
    """Requests in these segments are those that they are in one, and h11's, up to a refusal; each is forwarded as one.

    A request that was given out before the refusal counts: a model would have been asked.
    """
    data = b"".join(pieces)
    reading, whole = read(pieces, http), read([data], http)
    if (reading.refusal is None) != (whole.refusal is None):
        # Line ends that are no empty lines are refused where a segment begins with them. Behind a request, in its own
        # segment, the parser passes over them without a word.
        (refused,) = (one for one in (reading, whole) if one.refusal is not None)
        assert "line ends" in str(refused.refusal), refused.refusal
        assert refused.requests == whole.requests[: len(refused.requests)]
        return whole
    assert reading.requests == whole.requests
    assert reading.refusal or reading.arriving == whole.arriving
    _same_as_reference(whole, data)
    for one in whole.requests:
        _within_bounds(one, http)
        _forwarded_as_one(one)
    return whole


def judge_answer(pieces: Sequence[bytes], *, head_only: bool = False, close: bool = False) -> Heard:
    """An answer in these segments is the one that it is in one, and h11's, unless it is none."""
    data = b"".join(pieces)
    heard = hear(pieces, head_only=head_only, close=close)
    whole = hear([data], head_only=head_only, close=close)
    if heard.end != "failed":
        assert heard.said == whole.said
    assert heard.end == whole.end, (heard.error, whole.error)
    reference = answer_in(data, head_only=head_only, close=close)
    if whole.end != "failed" and reference.end != "failed":
        assert whole.end == reference.end, reference
        if whole.end == "end":
            assert whole.said == reference[:4]
            assert reference.reusable or not whole.reused
    elif whole.end == "end":
        raise AssertionError(f"taken, though h11 refuses it: {reference.error}")
    assert sum(len(name) + len(value) for name, value in whole.headers) <= MAX_HEADER_BYTES
    return whole


def _same_as_reference(reading: Reading, data: bytes) -> None:
    reference = requests_in(data)
    for ours, theirs in zip(reading.requests, reference.requests, strict=False):
        assert ours[:-1] == theirs[:-1]
        # To close where one might go on is always safe.
        assert theirs.keep_alive or not ours.keep_alive
    extra = len(reading.requests) - len(reference.requests)
    assert extra <= 0, f"{extra} requests more than h11 reads: {reference.error or 'the last is not whole'}"
    if reading.refusal is None and not reference.error and (not reading.requests or reading.requests[-1].keep_alive):
        assert extra == 0, f"{-extra} requests fewer than h11 reads"
        assert reading.arriving or not reference.more


def _within_bounds(one: Asked, http: Http) -> None:
    assert len(one.target) <= http.target_bytes
    assert len(one.headers) <= http.header_count
    assert sum(len(name) + len(value) for name, value in one.headers) <= http.header_bytes
    assert len(one.body) <= http.body_bytes


def _forwarded_as_one(one: Asked) -> None:
    """Built anew, it is one request to any parser, with one framing, and nothing that belonged to the client's hop."""
    head = RequestHead(list(one.headers), "1.0" if one.http10 else "1.1")
    lines = to_model(head.headers, b"model:80", None)
    target = one.target.encode("latin-1")
    request = b"%b %b HTTP/1.1\r\n%bcontent-length: %d\r\n\r\n" % (one.method.encode(), target, lines, len(one.body))
    forwarded = requests_in(request + one.body)
    assert [(again.method, again.target, again.body) for again in forwarded.requests] == [
        (one.method, one.target, one.body)
    ], forwarded.error
    names = [name for name, _ in forwarded.requests[0].headers]
    assert names.count(b"host") == 1
    assert not HOP_BY_HOP.intersection(names)
    assert b"transfer-encoding" not in names
