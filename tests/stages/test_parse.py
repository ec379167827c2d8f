import json

import pytest

from guard.policy.limits import Meters
from guard.refusal import Refusal
from guard.stages.parse import parse
from tests.support.values import exchange, policy

CHAT = b'{"model":"m-1","messages":[{"role":"user","content":"Hello"}],"stream":true}'
REFUSING = policy()
PASSING = policy(routes=[{"path": "/v1/", "format": "openai", "model": "chat", "not_understood": "pass"}])
MIXED = policy(
    routes=[
        {"path": "/v1/", "format": "openai", "model": "chat", "names": ["a"], "not_understood": "pass"},
        {"path": "/v1/", "format": "openai", "model": "chat"},
    ]
)


def parsed(policy, body: bytes, **fields: str):
    """An exchange after the stage."""
    one = exchange(policy, body=body, **fields)
    parse(one, Meters())
    return one


def refused(policy, body: bytes, **fields: str) -> tuple[int, str]:
    """Status and code of the stage's refusal."""
    with pytest.raises(Refusal) as refusal:
        parsed(policy, body, **fields)
    return refusal.value.status, refusal.value.code


def test_a_document_is_read():
    """The document, its prompt, and the bytes that stand for it are there afterwards."""
    one = parsed(REFUSING, CHAT, content_type="application/json")
    assert one.document["model"] == "m-1"
    assert one.canonical == CHAT
    assert (one.prompt.texts, one.prompt.model, one.prompt.stream) == (["Hello"], "m-1", True)


def test_what_was_read_is_what_goes_on():
    """A body in another spelling goes on in the spelling of what was read; the original is kept for the journal."""
    body = json.dumps(json.loads(CHAT), indent=1).encode()
    one = parsed(REFUSING, body)
    assert one.canonical == CHAT
    assert one.body == body


@pytest.mark.parametrize("policy", [REFUSING, PASSING], ids=["refuse", "pass"])
def test_no_body_is_nothing_to_read(policy):
    """A request without a body passes, whatever type it says."""
    one = parsed(policy, b"", content_type="application/json")
    assert (one.document, one.prompt, one.canonical) == (None, None, None)


@pytest.mark.parametrize(
    "kind", ["application/json", "text/plain", "multipart/form-data; boundary=x", "application/octet-stream", ""]
)
@pytest.mark.parametrize("before", [b"", b" ", b"\r\n\t", b"\x0b"])
def test_json_is_json_whatever_its_type(kind, before):
    """A body that looks like JSON is read strictly, because the model's server may not look at the type either."""
    if before != b"\x0b":
        assert parsed(PASSING, before + CHAT, content_type=kind).prompt.texts == ["Hello"]
    assert refused(PASSING, before + b'{"a":1,"a":2}', content_type=kind) == (400, "invalid_json")


@pytest.mark.parametrize(
    "coding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
)
@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
def test_json_in_another_coding_is_refused(coding, kind):
    """JSON that only a lenient server would find in these bytes is not passed on as text that nobody could read."""
    assert refused(PASSING, CHAT.decode().encode(coding), content_type=kind) == (400, "invalid_json")


@pytest.mark.parametrize(
    "body",
    [b'{"a":1,"a":2}', b'{"a":NaN}', b'{"a":"\xff"}', b'{"a":"\\ud800"}', b"[" * 65 + b"]" * 65, b"{", b"null x"],
)
@pytest.mark.parametrize("policy", [REFUSING, PASSING], ids=["refuse", "pass"])
def test_bad_json_never_passes(policy, body):
    """What is JSON by its type or its look and has no single meaning is refused on every route."""
    assert refused(policy, body, content_type="application/json") == (400, "invalid_json")


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "zstd", "x-gzip", "identity, gzip", ""])
def test_a_compressed_body_is_refused(coding):
    """What is not sent plain cannot be read, on any route."""
    assert refused(PASSING, CHAT, content_encoding=coding) == (415, "unsupported_content_encoding")


@pytest.mark.parametrize("coding", ["identity", " Identity "])
def test_identity_is_no_compression(coding):
    """The coding that says that there is none is allowed."""
    assert parsed(REFUSING, CHAT, content_encoding=coding).canonical == CHAT


@pytest.mark.parametrize(
    ("body", "kind", "answer"),
    [
        (b"Hello", "text/plain", (415, "unsupported_media_type")),
        (b"a=b", "application/x-www-form-urlencoded", (415, "unsupported_media_type")),
        (b"--x\r\n", "multipart/form-data; boundary=x", (415, "unsupported_media_type")),
        (b"Hello", "application/json", (400, "invalid_json")),
        (b'{"model":"m-1"}', "application/json", (400, "body_not_understood")),
        (b"[]", "application/json", (400, "body_not_understood")),
        (b'"Hello"', "application/json", (400, "body_not_understood")),
    ],
)
@pytest.mark.parametrize("policy", [REFUSING, MIXED], ids=["refuse", "mixed"])
def test_what_is_not_understood_is_refused(policy, body, kind, answer):
    """Where any route that could take the request refuses what it does not understand, it is refused."""
    assert refused(policy, body, content_type=kind) == answer


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"Hello there", "Hello there"),
        (b"\xffHello\xfe", "\ufffdHello\ufffd"),
        (b'{"model": "m-1", "x": "\\u0048ello"}', '{"model":"m-1","x":"Hello"}'),
        (b"[\"a\", 1]", '["a",1]'),
    ],
)  # fmt: skip
def test_what_is_not_understood_may_pass_as_text(body, text):
    """Where the route lets it pass, all of it is prompt text, without escapes where it is JSON."""
    one = parsed(PASSING, body)
    assert (one.prompt.texts, one.prompt.others, one.prompt.model) == ([text], [], None)
