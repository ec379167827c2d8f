import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.wire.headers import STATUS_LINES, dropped_by_connection, returned, to_model

KEY = (b"authorization", b"Bearer model-key")


def lines(data: bytes):
    """Header lines, split into names and values."""
    assert data.endswith(b"\r\n")
    return [tuple(line.split(b": ", 1)) for line in data[:-2].split(b"\r\n")]


def forwarded(*headers: tuple[bytes, bytes], credential=None):
    """What of the client's headers a model gets, without what the guard adds."""
    found = lines(to_model(list(headers), b"model:9001", credential))
    assert found[0] == (b"host", b"model:9001")
    assert found[-2:] == [(b"accept-encoding", b"identity"), (b"via", b"1.1 guard")]
    return found[1:-2]


def given_back(*headers: tuple[bytes, bytes]):
    """What of a model's headers a client gets, without what the guard adds."""
    found = lines(returned(list(headers), dropped_by_connection(list(headers))))
    assert found[-1] == (b"via", b"1.1 guard")
    return found[:-1]


@pytest.mark.parametrize(
    "name",
    [
        b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te",
        b"trailer", b"transfer-encoding", b"upgrade", b"host", b"content-length", b"content-encoding", b"expect",
        b"accept-encoding",
        b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip",
        b"x-original-url", b"x-rewrite-url", b"x-http-method-override",
        b"x-guard-id", b"x-guard-anything",
    ],
)  # fmt: skip
def test_what_a_model_does_not_get(name):
    """Headers of this hop, of framing, of the client's network and in the guard's name end here, as do their twins."""
    assert forwarded((name, b"x"), (b"x-other", b"y")) == [(b"x-other", b"y")]
    assert forwarded((name.replace(b"-", b"_"), b"x"), (b"x-other", b"y")) == [(b"x-other", b"y")]


@pytest.mark.parametrize(
    "name",
    [b"content-type", b"accept", b"user-agent", b"openai-organization", b"x-request-id", b"x_custom", b"traceparent"],
)
def test_what_a_model_gets(name):
    """Headers from end to end are passed as they came."""
    assert forwarded((name, b"a \xff, b")) == [(name, b"a \xff, b")]


@pytest.mark.parametrize("name", [b"authorization", b"x-api-key", b"api-key", b"x_api_key", b"api_key"])
def test_a_credential_of_the_version_replaces_every_other(name):
    """Where the version has a key, none of the client's goes on, by whichever name it came."""
    assert forwarded((name, b"client-key"), credential=KEY) == [KEY]


@pytest.mark.parametrize("name", [b"authorization", b"x-api-key", b"api-key"])
def test_without_one_the_clients_credential_passes(name):
    """Where the version has no key, the client's own goes on."""
    assert forwarded((name, b"client-key")) == [(name, b"client-key")]


@pytest.mark.parametrize("name", [b"x_api_key", b"api_key"])
def test_a_twin_of_a_credential_never_passes(name):
    """A name that some servers read as the credential's is not one that the guard has looked at."""
    assert forwarded((name, b"client-key")) == []


@pytest.mark.parametrize(
    ("connection", "expected"),
    [
        ([], {b"x-a", b"x-b"}),
        ([b"close"], {b"x-a", b"x-b"}),
        ([b"x-a"], {b"x-b"}),
        ([b"close , X-A,x-b"], set()),
        ([b"x-a", b"x-b"], set()),
        ([b",, x-b"], {b"x-a"}),
    ],
)
def test_connection_lists_what_ends_here(connection, expected):
    """Names listed in Connection are dropped both ways, however they are spelled."""
    headers = [(b"x-a", b"1"), (b"x-b", b"2"), *((b"connection", value) for value in connection)]
    assert {name for name, _ in forwarded(*headers)} == expected
    assert {name for name, _ in given_back(*headers)} == expected
    assert dropped_by_connection(headers) >= {b"x-a", b"x-b"} - expected


@pytest.mark.parametrize(
    ("value", "gone_on"),
    [
        (b"application/json", b"application/json"),
        (b'Application/JSON;charset="UTF-8"', b"application/json; charset=utf-8"),
        (b"application/json; charset=us-ascii", b"application/json; charset=utf-8"),
        (b"no type", b"no type"),
    ],
)
def test_a_model_is_told_the_type_that_was_read(value, gone_on):
    """A content type has one spelling, and its charset is the one that the body goes on in."""
    assert forwarded((b"content-type", value)) == [(b"content-type", gone_on)]


@pytest.mark.parametrize("listed", [b"host", b"via", b"authorization", b"accept-encoding", b"x-guard-id"])
def test_what_the_guard_adds_survives(listed):
    """A client cannot have the guard's own headers dropped by listing them."""
    found = lines(to_model([(b"connection", listed)], b"model", KEY))
    assert found == [(b"host", b"model"), KEY, (b"accept-encoding", b"identity"), (b"via", b"1.1 guard")]
    assert given_back((b"connection", listed)) == []


@pytest.mark.parametrize(
    "name",
    [
        b"connection",
        b"keep-alive",
        b"transfer-encoding",
        b"trailer",
        b"upgrade",
        b"content-length",
        b"via",
        b"x-guard-id",
    ],
)
def test_what_a_client_does_not_get(name):
    """Of a model's answer, framing, headers of its hop and anything in the guard's name end here."""
    answer = [(name, b"x"), (b"content-type", b"a/b"), (b"set-cookie", b"1"), (b"set-cookie", b"2")]
    assert given_back(*answer) == answer[1:]


TOKENS = st.text("abcdefghijklmnopqrstuvwxyz-_", min_size=1, max_size=12).map(str.encode)
VALUES = st.text(st.characters(codec="latin-1", min_codepoint=0x20, exclude_characters="\x7f"), max_size=12).map(
    lambda text: text.encode("latin-1")
)


@given(st.lists(st.tuples(TOKENS, VALUES), max_size=8))
def test_a_model_always_gets_one_host_and_no_framing(headers):
    """Whatever the client sent, a model gets one Host and no framing but what the guard adds later."""
    names = [name for name, _ in lines(to_model(headers, b"model", None))]
    assert names.count(b"host") == 1
    assert not {b"content-length", b"transfer-encoding", b"connection"} & set(names)


@pytest.mark.parametrize(
    ("status", "line"),
    [(200, b"HTTP/1.1 200 OK\r\n"), (429, b"HTTP/1.1 429 Too Many Requests\r\n"), (599, b"HTTP/1.1 599 \r\n")],
)
def test_status_lines(status, line):
    """Every status that an answer can have has its line, known or not."""
    assert STATUS_LINES[status] == line
    assert set(STATUS_LINES) == set(range(100, 600))
