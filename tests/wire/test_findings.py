"""What fuzzing has found, as the bytes it was found with: each is judged again, in every cut."""

from __future__ import annotations

import pytest

from tests.support.judge import judge_answer, judge_requests

REQUESTS = {
    "line ends before a request": b"\r\n\rGET / HTTP/1.1\r\nHost: g\r\n\r\n\nGET / HTTP/1.1\r\nHost: g\r\n\r\n",
    "several spaces in the request line": b"GET  /v1/x  HTTP/1.1\r\nHost: g\r\n\r\nGET / HTTP/1.1\r\nHost: g\r\n\r\n",
    "to keep and to close, in 1.0": (
        b"GET / HTTP/1.0\r\nConnection: keep-alive\r\nConnection: x, close\r\n\r\nGET / HTTP/1.0\r\n\r\n"
    ),
    "a tab behind the coding": b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\t\r\n\r\n1\r\na\r\n0\r\n\r\n",
}
ANSWERS = {
    "line ends before an answer": b"\n\r\r\nHTTP/1.1 204 No\r\n\r\n",
    "line ends behind an answer": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok\r\n\n",
    "a reason with a zero": b"HTTP/1.1 204 \x00o\r\n\r\n",
    "to keep and to close, in 1.0": (
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive, close\r\nContent-Length: 2\r\n\r\nok"
    ),
    "a tab behind the coding": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\t\r\n\r\n3\r\nhel\r\n0\r\n\r\n",
    "an interim answer with a length": (
        b"HTTP/1.1 104 X\r\ncontent-length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
    ),
}  # fmt: skip


def cuts(data: bytes) -> list[list[bytes]]:
    """Every way to cut some bytes in two, and the one that cuts everywhere."""
    return [[data[:at], data[at:]] for at in range(len(data))] + [[data[at : at + 1] for at in range(len(data))]]


@pytest.mark.parametrize("data", REQUESTS.values(), ids=REQUESTS)
def test_requests(data):
    """No cut makes other requests of these bytes, and none are made that an independent parser does not see."""
    for pieces in cuts(data):
        judge_requests(pieces)


@pytest.mark.parametrize("close", [False, True])
@pytest.mark.parametrize("head_only", [False, True])
@pytest.mark.parametrize("data", ANSWERS.values(), ids=ANSWERS)
def test_answers(data, head_only, close):
    """No cut makes another answer of these bytes, and none that an independent parser does not see."""
    for pieces in cuts(data):
        judge_answer(pieces, head_only=head_only, close=close)
