import pytest

from guard.config import Http
from guard.wire.framing import ends_with_connection
from tests.support.raw import connected
from tests.support.service import Service, served

LINE = b"POST /v1/x HTTP/1.1"
HOST = b"Host: guard"
CHUNKED = b"Transfer-Encoding: chunked"


def request(*fields: bytes, line: bytes = LINE, host: bytes | None = HOST, body: bytes = b"") -> bytes:
    """A request of these fields."""
    return b"\r\n".join([line, *([host] if host is not None else []), *fields, b"", body])


def asking(target: bytes) -> bytes:
    """A request for a target."""
    return request(line=b"GET %b HTTP/1.1" % target)


def chunked(body: bytes) -> bytes:
    """A request whose body is these chunks."""
    return request(CHUNKED, body=body)


LEGAL = {
    "plain": (request(line=b"GET /v1/models HTTP/1.1"), ("GET", "/v1/models", b"")),
    "body": (request(b"Content-Length: 5", body=b"hello"), ("POST", "/v1/x", b"hello")),
    "empty body": (request(b"Content-Length: 0"), ("POST", "/v1/x", b"")),
    "zeros before the length": (request(b"Content-Length: 0005", body=b"hello"), ("POST", "/v1/x", b"hello")),
    "space around the length": (request(b"Content-Length: \t 5 \t", body=b"hello"), ("POST", "/v1/x", b"hello")),
    "body of a GET": (
        request(b"Content-Length: 2", line=b"GET / HTTP/1.1", body=b"{}"), ("GET", "/", b"{}")
    ),
    "chunks": (chunked(b"5\r\nhello\r\n1;a=b\r\n!\r\n0\r\n\r\n"), ("POST", "/v1/x", b"hello!")),
    "no chunk but the last": (chunked(b"0\r\n\r\n"), ("POST", "/v1/x", b"")),
    "hexadecimal sizes": (chunked(b"00A\r\n0123456789\r\n000\r\n\r\n"), ("POST", "/v1/x", b"0123456789")),
    "trailers": (chunked(b"1\r\na\r\n0\r\nHost: other\r\nX: y\r\n\r\n"), ("POST", "/v1/x", b"a")),
    "coding in capitals": (
        request(b"TRANSFER-ENCODING: Chunked", body=b"1\r\na\r\n0\r\n\r\n"), ("POST", "/v1/x", b"a")
    ),
    "space after the coding": (
        request(b"Transfer-Encoding: chunked  ", body=b"1\r\na\r\n0\r\n\r\n"), ("POST", "/v1/x", b"a")
    ),
    "version 1.0 without host": (request(line=b"GET / HTTP/1.0", host=None), ("GET", "/", b"")),
    "version 1.0 with a body": (
        request(b"Content-Length: 1", line=b"POST / HTTP/1.0", body=b"a"), ("POST", "/", b"a")
    ),
    "empty lines before": (b"\r\n\r\n" + request(line=b"GET / HTTP/1.1"), ("GET", "/", b"")),
    "host with port": (request(line=b"GET / HTTP/1.1", host=b"Host: guard.example:8080"), ("GET", "/", b"")),
    "host of version 6": (request(line=b"GET / HTTP/1.1", host=b"Host: [::1]:8080"), ("GET", "/", b"")),
    "space around the host": (request(line=b"GET / HTTP/1.1", host=b"Host: \t guard \t"), ("GET", "/", b"")),
    "dots in a query": (asking(b"/v1/x?next=/../y&z=%2e%2e/"), ("GET", "/v1/x?next=/../y&z=%2e%2e/", b"")),
    "dots in a name": (asking(b"/v1/a..b/.hidden/...x"), ("GET", "/v1/a..b/.hidden/...x", b"")),
    "escapes": (asking(b"/v1/%C3%A9%20x"), ("GET", "/v1/%C3%A9%20x", b"")),
    "odd characters": (asking(b"/v1/a:b@c;d=e,f!g$h&i'j(k)l*m+n~o"), ("GET", "/v1/a:b@c;d=e,f!g$h&i'j(k)l*m+n~o", b"")),
    "another method": (request(line=b"DELETE /v1/x HTTP/1.1"), ("DELETE", "/v1/x", b"")),
    "bytes beyond ASCII in a value": (request(b"X: \xc3\xa9", line=b"GET / HTTP/1.1"), ("GET", "/", b"")),
    "a list in two fields": (request(b"Accept: a/b", b"Accept: c/d", line=b"GET / HTTP/1.1"), ("GET", "/", b"")),
    "upgrade that is not asked of this hop": (
        request(b"Upgrade: websocket", line=b"GET / HTTP/1.1"), ("GET", "/", b"")
    ),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "expected"), LEGAL.values(), ids=LEGAL)
async def test_a_legal_request_passes(raw, expected):
    """What RFC 9112 allows reaches the service as it was meant."""
    service = Service()
    async with served(service) as server, connected(server.port) as client:
        await client.send(raw)
        answer = await client.answer()
    (exchange,) = service.completed
    assert answer.status == 200
    assert (exchange.method, exchange.target, exchange.body) == expected


# What is illegal, and the status that says so.
ILLEGAL = {
    # Where the body ends, section 6.
    "both framings": (request(b"Content-Length: 5", CHUNKED, body=b"0\r\n\r\n"), 400),
    "both framings, the other way": (request(CHUNKED, b"Content-Length: 5", body=b"0\r\n\r\n"), 400),
    "length with a plus": (request(b"Content-Length: +5", body=b"hello"), 400),
    "length below zero": (request(b"Content-Length: -5", body=b"hello"), 400),
    "list of lengths": (request(b"Content-Length: 5,5", body=b"hello"), 400),
    "list of lengths with a space": (request(b"Content-Length: 5, 5", body=b"hello"), 400),
    "the same length twice": (request(b"Content-Length: 5", b"Content-Length: 5", body=b"hello"), 400),
    "two lengths": (request(b"Content-Length: 5", b"Content-Length: 6", body=b"hello!"), 400),
    "hexadecimal length": (request(b"Content-Length: 0x5", body=b"hello"), 400),
    "length as a float": (request(b"Content-Length: 5.0", body=b"hello"), 400),
    "length with an exponent": (request(b"Content-Length: 5e0", body=b"hello"), 400),
    "length in pieces": (request(b"Content-Length: 5 5", body=b"hello"), 400),
    "length with an underscore": (request(b"Content-Length: 0_5", body=b"hello"), 400),
    "quoted length": (request(b'Content-Length: "5"', body=b"hello"), 400),
    "empty length": (request(b"Content-Length:", body=b"hello"), 400),
    "length beyond 64 bits": (request(b"Content-Length: 18446744073709551621", body=b"hello"), 400),
    "length beyond any reason": (request(b"Content-Length: %b" % (b"9" * 4_000), body=b"hello"), 400),
    "length over the cap": (request(b"Content-Length: 9223372036854775807", body=b"hello"), 413),
    "folded length": (request(b"Content-Length:\r\n 5", body=b"hello"), 400),
    "coding before chunked": (request(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"), 501),
    "coding after chunked": (request(b"Transfer-Encoding: chunked, gzip", body=b"0\r\n\r\n"), 400),
    "chunked twice in a list": (request(b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"), {400, 501}),
    "chunked in two fields": (request(CHUNKED, CHUNKED, body=b"0\r\n\r\n"), 400),
    "codings in two fields": (request(CHUNKED, b"Transfer-Encoding: identity", body=b"0\r\n\r\n"), 400),
    "identity coding": (request(b"Transfer-Encoding: identity", body=b"hello"), 400),
    "unknown coding": (request(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"), 400),
    "coding with a parameter": (request(b"Transfer-Encoding: chunked;q=1", body=b"0\r\n\r\n"), 400),
    "quoted coding": (request(b'Transfer-Encoding: "chunked"', body=b"0\r\n\r\n"), 400),
    "list with an empty element": (request(b"Transfer-Encoding: ,chunked", body=b"0\r\n\r\n"), 400),
    "vertical tab before the coding": (request(b"Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n"), 400),
    "empty coding": (request(b"Transfer-Encoding:", body=b"0\r\n\r\n"), 400),
    "folded coding": (request(b"Transfer-Encoding:\r\n chunked", body=b"0\r\n\r\n"), 400),
    "coding in version 1.0": (request(CHUNKED, line=b"POST / HTTP/1.0", body=b"0\r\n\r\n"), 400),
    # Chunks, section 7.1.
    "chunk size with 0x": (chunked(b"0x5\r\nhello\r\n0\r\n\r\n"), 400),
    "chunk size with a sign": (chunked(b"+5\r\nhello\r\n0\r\n\r\n"), 400),
    "chunk size below zero": (chunked(b"-5\r\nhello\r\n0\r\n\r\n"), 400),
    "space after the chunk size": (chunked(b"5 \r\nhello\r\n0\r\n\r\n"), 400),
    "no chunk size": (chunked(b"\r\nhello\r\n0\r\n\r\n"), 400),
    "chunk size that is none": (chunked(b"five\r\nhello\r\n0\r\n\r\n"), 400),
    "chunk size beyond 64 bits": (chunked(b"10000000000000005\r\nhello\r\n0\r\n\r\n"), 400),
    "bare LF after the chunk size": (chunked(b"5\nhello\r\n0\r\n\r\n"), 400),
    "bare CR after the chunk size": (chunked(b"5\rhello\r\n0\r\n\r\n"), 400),
    "bare LF in an extension": (chunked(b"5;a\nhello\r\n0\r\n\r\n"), 400),
    "NUL in an extension": (chunked(b"5;\x00\r\nhello\r\n0\r\n\r\n"), 400),
    "chunk longer than it says": (chunked(b"5\r\nhello!\r\n0\r\n\r\n"), 400),
    "nothing after a chunk": (chunked(b"5\r\nhello0\r\n\r\n"), 400),
    "bare LF after a chunk": (chunked(b"5\r\nhello\n0\r\n\r\n"), 400),
    "bare LF after the last chunk": (chunked(b"5\r\nhello\r\n0\n\r\n"), 400),
    "malformed trailer": (chunked(b"0\r\nX : y\r\n\r\n"), 400),
    "length as a trailer": (chunked(b"0\r\nContent-Length: 5\r\n\r\nhello"), 400),
    # Fields, section 5.
    "bare LF after the request line": (b"GET / HTTP/1.1\nHost: guard\r\n\r\n", 400),
    "bare LF after a field": (b"GET / HTTP/1.1\r\nHost: guard\n\r\n", 400),
    "bare LF at the end": (b"GET / HTTP/1.1\r\nHost: guard\r\n\n", 400),
    "bare LF everywhere": (b"GET / HTTP/1.1\nHost: guard\n\n", 400),
    "bare CR in a value": (request(b"X: a\rContent-Length: 5"), 400),
    "space before the colon": (request(b"X : a"), 400),
    "tab before the colon": (request(b"X\t: a"), 400),
    "space before the colon of the length": (request(b"Content-Length : 5", body=b"hello"), 400),
    "folded value": (request(b"X: a\r\n b"), 400),
    "folded value with a tab": (request(b"X: a\r\n\tb"), 400),
    "space before the first field": (b"GET / HTTP/1.1\r\n Host: guard\r\n\r\n", 400),
    "no colon": (request(b"X"), 400),
    "no name": (request(b": a"), 400),
    "space in a name": (request(b"X Y: a"), 400),
    "name beyond ASCII": (request(b"X\xe9: a"), 400),
    "NUL in a name": (request(b"X\x00: a"), 400),
    "NUL in a value": (request(b"X: a\x00b"), 400),
    "control character in a value": (request(b"X: a\x01b"), 400),
    "no host": (request(host=None), 400),
    "two hosts": (request(b"Host: guard"), 400),
    "two hosts in version 1.0": (request(b"Host: guard", line=b"GET / HTTP/1.0"), 400),
    "two hosts, one in capitals": (request(b"HOST: other"), 400),
    "empty host": (request(host=b"Host:"), 400),
    "host with a path": (request(host=b"Host: guard/x"), 400),
    "host with a user": (request(host=b"Host: u@guard"), 400),
    "host with a space": (request(host=b"Host: guard other"), 400),
    "host with a port that is none": (request(host=b"Host: guard:http"), 400),
    "host with two ports": (request(host=b"Host: guard:80:80"), 400),
    "host with a query": (request(host=b"Host: guard?x"), 400),
    "host beyond ASCII": (request(host=b"Host: gu\xe4rd"), 400),
    "unclosed address": (request(host=b"Host: [::1"), 400),
    "content type for this hop only": (request(b"Connection: content-type", b"Content-Type: text/plain"), 400),
    "credential for this hop only": (request(b"Connection: x, Authorization", b"Authorization: Bearer a"), 400),
    "length for this hop only": (request(b"Connection: content-length", b"Content-Length: 0"), 400),
    "host for this hop only": (request(b"Connection: close, host"), 400),
    "two content types": (request(b"Content-Type: application/json", b"Content-Type: text/plain"), 400),
    "two credentials": (request(b"Authorization: Bearer a", b"Authorization: Bearer b"), 400),
    "two keys": (request(b"X-Api-Key: a", b"X-Api-Key: b"), 400),
    # The request line, section 3.
    "absolute form": (asking(b"http://other/v1/x"), 400),
    "absolute form with TLS": (asking(b"https://other/v1/x"), 400),
    "another scheme": (asking(b"file:///etc/passwd"), 400),
    "asterisk": (request(line=b"OPTIONS * HTTP/1.1"), 400),
    "asterisk of a GET": (asking(b"*"), 400),
    "authority": (request(line=b"CONNECT other:443 HTTP/1.1"), 405),
    "CONNECT to a path": (request(line=b"CONNECT /v1/x HTTP/1.1"), {400, 405}),
    "TRACE": (request(line=b"TRACE /v1/x HTTP/1.1"), 405),
    "a method of another protocol": (request(line=b"DESCRIBE /v1/x RTSP/1.0"), 400),
    "another protocol with a method of ours": (request(line=b"GET /v1/x RTSP/1.0"), 400),
    "no version": (request(line=b"GET /v1/x"), 400),
    "two spaces before the target": (request(line=b"GET  /v1/x HTTP/1.1"), 400),
    "two spaces after the target": (request(line=b"GET /v1/x  HTTP/1.1"), 400),
    "no digits of the version": (request(line=b"GET /v1/x HTTP/"), 400),
    "version 2": (request(line=b"GET /v1/x HTTP/2.0"), 505),
    "relative target": (asking(b"v1/x"), 400),
    "user in the target": (asking(b"@other/v1/x"), 400),
    "empty target": (asking(b""), 400),
    "query alone": (asking(b"?x"), 400),
    "fragment": (asking(b"/v1/x#y"), 400),
    "space in the target": (asking(b"/v1/x y"), 400),
    "tab in the target": (asking(b"/v1/x\ty"), 400),
    "NUL in the target": (asking(b"/v1/x\x00"), 400),
    "escaped NUL": (asking(b"/v1/x%00"), 400),
    "target beyond ASCII": (asking(b"/v1/\xc3\xa9"), 400),
    "angle brackets": (asking(b"/v1/<x>"), 400),
    "two dots": (asking(b"/v1/../admin"), 400),
    "two dots at the end": (asking(b"/v1/.."), 400),
    "two dots before the query": (asking(b"/v1/..?x"), 400),
    "two dots at the beginning": (asking(b"/../v1/x"), 400),
    "one dot": (asking(b"/v1/./x"), 400),
    "one dot at the end": (asking(b"/v1/."), 400),
    "escaped dots": (asking(b"/v1/%2e%2e/admin"), 400),
    "escaped dots in capitals": (asking(b"/v1/%2E%2E/admin"), 400),
    "one dot escaped": (asking(b"/v1/.%2e/admin"), 400),
    "escaped slashes around dots": (asking(b"/v1%2f..%2fadmin"), 400),
    "backslashes around dots": (asking(b"/v1\\..\\admin"), 400),
    "escaped backslashes around dots": (asking(b"/v1/%5c..%5Cadmin"), 400),
    "parameter after dots": (asking(b"/v1/..;/admin"), 400),
    "escaped parameter after dots": (asking(b"/v1/..%3bx=y/admin"), 400),
    "version 0.9": (b"GET /v1/x\r\n\r\n", {400, 505}),
    "version 2.0": (request(line=b"GET / HTTP/2.0"), 505),
    "preface of version 2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 505}),
    "version 1.2": (request(line=b"GET / HTTP/1.2"), {400, 505}),
    "version in small letters": (request(line=b"GET / http/1.1"), 400),
    "half a version": (request(line=b"GET / HTTP/1"), 400),
    "space after the version": (request(line=b"GET / HTTP/1.1 "), 400),
    "tab for a space": (request(line=b"GET\t/\tHTTP/1.1"), 400),
    "no space": (request(line=b"GET/ HTTP/1.1"), 400),
    "method in small letters": (request(line=b"get / HTTP/1.1"), 400),
    "unknown method": (request(line=b"STEAL / HTTP/1.1"), 400),
    "space before the method": (request(line=b" GET / HTTP/1.1"), 400),
    "greeting of TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64), 400),
    "zeros": (bytes(64), 400),
    "upgrade to a web socket or else": (
        request(b"Connection: upgrade", b"Upgrade: websocket, h2c", line=b"GET / HTTP/1.1"), 501
    ),
    "upgrade to a web socket or else, in two lines": (
        request(b"Connection: upgrade", b"Upgrade: websocket", b"Upgrade: h2c", line=b"GET / HTTP/1.1"), 501
    ),
    "upgrade to a web socket with a body": (
        request(b"Connection: upgrade", b"Upgrade: websocket", b"Content-Length: 5", body=b"hello"), 400
    ),
    "upgrade to a web socket with an empty body": (
        request(b"Connection: upgrade", b"Upgrade: websocket", b"Content-Length: 0", line=b"GET / HTTP/1.1"), 400
    ),
    "upgrade to version 2": (
        request(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: A", line=b"GET / HTTP/1.1"),
        501,
    ),
    "upgrade with a body": (
        request(b"Connection: upgrade", b"Upgrade: h2c", b"Content-Length: 5", body=b"hello"), 501
    ),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "status"), ILLEGAL.values(), ids=ILLEGAL)
async def test_an_illegal_request_ends_the_connection(raw, status):
    """What is malformed or could be read in two ways is an error for the client; nor does what follows it pass."""
    service = Service(Http(header_timeout=1, body_timeout=1))
    async with served(service) as server, connected(server.port) as client:
        await client.send(raw)
        await client.send(request(line=b"GET /smuggled HTTP/1.1"))
        answer = await client.answer()
        rest = await client.rest()
    assert answer.status in (status if isinstance(status, set) else {status})
    assert rest == b""
    assert service.completed == []
    assert len(service.handlers) == 1


# What does not look like a request at all may be read as part of what was before it.
LIKELY = {name: raw for name, (raw, _) in ILLEGAL.items() if raw.startswith((b"POST", b"GET"))}


@pytest.mark.parametrize("raw", LIKELY.values(), ids=LIKELY)
async def test_a_good_request_before_it_changes_nothing(raw):
    """After a legal request on the same connection an illegal one is no less illegal, and the legal one is answered."""
    service = Service(Http(header_timeout=1, body_timeout=1))
    async with served(service) as server, connected(server.port) as client:
        await client.send(request(b"Content-Length: 5", body=b"hello") + raw)
        first, second = await client.answer(), await client.answer()
        rest = await client.rest()
    assert first.status == 200
    assert second.status >= 400
    assert rest == b""
    assert [exchange.body for exchange in service.completed] == [b"hello"]


@pytest.mark.parametrize(
    ("status", "length", "chunked", "expected"),
    [
        (200, None, False, True),
        (200, b"0", False, False),
        (200, None, True, False),
        (100, None, False, False),
        (204, None, False, False),
        (304, None, False, False),
        (404, None, False, True),
    ],
)
def test_which_answers_end_with_the_connection(status, length, chunked, expected):
    """An answer without a length, without chunks and with a body lasts until the connection is closed."""
    assert ends_with_connection(status, length, chunked=chunked) is expected
