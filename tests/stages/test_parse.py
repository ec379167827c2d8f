import gzip
import json

import pytest

from guard.policy.meters import Meters
from guard.refusal import Refusal
from guard.stages.parse import parse
from guard.wire.head import RequestHead
from guard.wire.headers import to_model
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
    ("kind", "answer"),
    [
        ("application/json; charset=utf-8", None),
        ("application/json;charset=UTF-8", None),
        ('application/json; charset="utf-8"', None),
        ("application/json; charset=us-ascii", None),
        ("application/json; charset=utf8; x=y", None),
        ("application/json;", None),
        ("application/vnd.api+json", None),
        ("application/json; charset=utf-16", (415, "unsupported_charset")),
        ("application/json; charset=iso-8859-1", (415, "unsupported_charset")),
        ("application/json; CharSet=UTF-7", (415, "unsupported_charset")),
        ("application/json; charset=", (400, "invalid_content_type")),
        ('application/json; charset=""', (415, "unsupported_charset")),
        ("text/plain; charset=utf-16", (415, "unsupported_charset")),
        ("audio/wav; charset=utf-7", (415, "unsupported_charset")),
        ("application/json; charset=utf-8; charset=utf-8", (400, "invalid_content_type")),
        ("application/json; charset=utf-8; Charset=utf-16", (400, "invalid_content_type")),
        ("application/json charset=utf-16", (400, "invalid_content_type")),
        ("application/json, text/plain; charset=utf-16", (400, "invalid_content_type")),
        ("json", (400, "invalid_content_type")),
    ],
)
@pytest.mark.parametrize("policy", [REFUSING, PASSING], ids=["refuse", "pass"])
def test_a_body_is_utf8(policy, kind, answer):
    """No charset but UTF-8, told once in a well-formed type, is believed on any route."""
    if answer is None:
        assert parsed(policy, CHAT, content_type=kind).canonical == CHAT
    else:
        assert refused(policy, CHAT, content_type=kind) == answer


def test_a_type_goes_on_as_it_was_read():
    """What is UTF-8 is told so to the model, once and without odd spelling."""
    one = parsed(REFUSING, CHAT, content_type='Application/JSON ;x="a b";charset="us-ascii"')
    assert b'content-type: application/json; x="a b"; charset=utf-8\r\n' in to_model(one.head.headers, b"m", None)


@pytest.mark.parametrize(
    "body",
    [b'{"a":1,"a":2}', b'{"a":NaN}', b'{"a":"\xff"}', b'{"a":"\\ud800"}', b"[" * 65 + b"]" * 65, b"{", b"null x"],
)
@pytest.mark.parametrize("policy", [REFUSING, PASSING], ids=["refuse", "pass"])
def test_bad_json_never_passes(policy, body):
    """What is JSON by its type or its look and has no single meaning is refused on every route."""
    assert refused(policy, body, content_type="application/json") == (400, "invalid_json")


@pytest.mark.parametrize("policy", [REFUSING, PASSING], ids=["refuse", "pass"])
@pytest.mark.parametrize("coding", ["gzip", "X-GZip", " gzip "])
def test_a_compressed_body_is_decoded(policy, coding):
    """The document in it goes on plain, in its canonical form; that it came compressed is kept for the journal."""
    one = parsed(policy, gzip.compress(json.dumps(json.loads(CHAT)).encode()), content_encoding=coding)
    assert (one.canonical, one.coding) == (CHAT, coding.strip().lower())
    assert one.body == json.dumps(json.loads(CHAT)).encode()
    assert b"content-encoding" not in to_model(one.head.headers, b"m", None)


@pytest.mark.parametrize("coding", ["compress", "gzip, gzip", "identity, gzip", "gzip, identity", "", "*", "gzip;q=1"])
def test_other_codings_are_refused(coding):
    """What cannot be decoded, or is encoded more than once, cannot be read on any route."""
    assert refused(PASSING, CHAT, content_encoding=coding) == (415, "unsupported_content_encoding")


@pytest.mark.parametrize("second", [b"gzip", b"identity", b""])
def test_a_second_coding_on_a_line_of_its_own_is_refused(second):
    """Two lines of codings are one list of two (RFC 9110, section 5.3)."""
    one = exchange(PASSING, body=gzip.compress(CHAT), content_encoding="gzip")
    one.head = RequestHead([*one.head.headers, (b"content-encoding", second)], "1.1")
    with pytest.raises(Refusal) as refusal:
        parse(one, Meters())
    assert (refusal.value.status, refusal.value.headers[0][0]) == (415, b"accept-encoding")


def test_what_cannot_be_decoded_stays_as_it_came():
    """The body of a refused exchange is the client's, for the journal."""
    one = exchange(PASSING, body=gzip.compress(CHAT)[:-1], content_encoding="gzip")
    with pytest.raises(Refusal) as refusal:
        parse(one, Meters())
    assert (refusal.value.status, refusal.value.code) == (400, "body_not_decodable")
    assert (one.body, one.coding) == (gzip.compress(CHAT)[:-1], "")


def test_nothing_compressed_is_nothing_to_read():
    """A stream of no bytes is no body, and neither is none at all, whatever its coding says."""
    assert parsed(REFUSING, gzip.compress(b""), content_encoding="gzip").body == b""
    assert parsed(REFUSING, b"", content_encoding="nonsense").prompt is None


def test_a_bomb_is_refused():
    """A body that grows out of proportion is refused, by the bounds that the configuration sets."""
    bounded = policy(data={"http": {"body_bytes": 2_000_000, "decoded_ratio": 10}})
    small = b'["' + b"a" * 900_000 + b'"]'
    assert refused(bounded, gzip.compress(small), content_encoding="gzip") == (400, "body_not_understood")
    assert refused(bounded, gzip.compress(small + small), content_encoding="gzip") == (413, "body_too_large")


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


# Forms and bodies that are no text.

FORM = (
    b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nm-1\r\n'
    b'--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nHello\r\n--x--\r\n'
)
FORM_TYPE = "multipart/form-data; boundary=x"
TAKING = policy(routes=[{"path": "/v1/", "format": "openai", "model": "chat", "also_accept": ["multipart", "binary"]}])
BY_MODEL = policy(
    routes=[
        {"path": "/v1/", "format": "openai", "model": "chat", "names": ["m-1"], "also_accept": ["multipart"]},
        {"path": "/v1/", "format": "openai", "model": "chat"},
    ]
)
WAVE = b"RIFF\xff\xff\xff\xffWAVE"


def test_a_form_is_read():
    """Its texts are prompt text, its model is the model, and what goes on is built anew under another boundary."""
    one = parsed(TAKING, FORM, content_type=FORM_TYPE)
    assert (one.prompt.texts, one.prompt.model, one.body) == (["m-1", "Hello"], "m-1", FORM)
    assert bytes(one.document) == one.canonical
    boundary = one.head.fields[b"content-type"].partition(b"boundary=")[2]
    assert one.canonical.count(b"--" + boundary) == 3
    assert boundary not in {b"x", parsed(TAKING, FORM, content_type=FORM_TYPE).document.boundary}


def test_a_form_goes_where_its_model_is_served():
    """The route that takes the model has to take forms."""
    assert parsed(BY_MODEL, FORM, content_type=FORM_TYPE).prompt.model == "m-1"
    other = FORM.replace(b"m-1", b"m-2")
    assert refused(BY_MODEL, other, content_type=FORM_TYPE) == (415, "unsupported_media_type")


@pytest.mark.parametrize("body", [FORM[1:], FORM[:-4], b"{}" + FORM, b'{"a":1}', FORM + b"x", b"--x--\r\n"])
def test_a_form_is_read_strictly(body):
    """What is no whole form is refused where forms are taken, also when it looks like JSON."""
    assert refused(TAKING, body, content_type=FORM_TYPE) == (400, "invalid_multipart")


def test_other_multipart_types_are_no_forms():
    """Only forms are read; they have one meaning."""
    assert refused(TAKING, FORM, content_type="multipart/mixed; boundary=x") == (415, "unsupported_media_type")


@pytest.mark.parametrize("kind", ["audio/wav", "image/png", "video/mp4", "application/octet-stream", "application/pdf"])
def test_binary_bodies_pass_unread(kind):
    """Where the route says so, sound and pictures go on as they are."""
    one = parsed(TAKING, WAVE, content_type=kind)
    assert (one.prompt.texts, one.prompt.others, one.prompt.model, one.canonical) == ([], [], None, None)
    assert refused(BY_MODEL, WAVE, content_type=kind) == (415, "unsupported_media_type")


def test_binary_bodies_that_are_text_are_read():
    """What says that it is binary and is UTF-8 is text, and what looks like JSON is JSON."""
    assert parsed(TAKING, b"Hello", content_type="application/octet-stream").prompt.texts == ["Hello"]
    assert parsed(TAKING, CHAT, content_type="audio/wav").prompt.texts == ["Hello"]
    assert refused(TAKING, b'{"a":1,"a":2}', content_type="audio/wav") == (400, "invalid_json")


@pytest.mark.parametrize("kind", ["", "text/plain", "image/svg+xml", "application/x-www-form-urlencoded"])
def test_not_everything_is_binary(kind):
    """Text by its type, and what does not tell, is not let through unread."""
    assert refused(TAKING, WAVE, content_type=kind) == (415, "unsupported_media_type")
