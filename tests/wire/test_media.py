import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.wire.media import LONGEST, BadMediaType, MediaType, canonical, media_type


@pytest.mark.parametrize(
    ("value", "kind", "parameters", "written"),
    [
        (b"application/json", "application/json", {}, b"application/json"),
        (b"Application/JSON", "application/json", {}, b"application/json"),
        (b"text/plain;charset=UTF-8", "text/plain", {"charset": "UTF-8"}, b"text/plain; charset=utf-8"),
        (b'text/plain ; Charset="utf8"', "text/plain", {"charset": "utf8"}, b"text/plain; charset=utf-8"),
        (b"a/b;;; x=y ;", "a/b", {"x": "y"}, b"a/b; x=y"),
        (b'a/b; x="a;b, c=d"; y=""', "a/b", {"x": "a;b, c=d", "y": ""}, b'a/b; x="a;b, c=d"; y=""'),
        (b"multipart/x; boundary=AbC", "multipart/x", {"boundary": "AbC"}, b"multipart/x; boundary=AbC"),
        (b"a/b; charset=latin-1", "a/b", {"charset": "latin-1"}, b"a/b; charset=latin-1"),
    ],
)  # fmt: skip
def test_a_media_type_is_read(value, kind, parameters, written):
    """Type and parameters are told in one spelling; values keep their case, a charset that is UTF-8 is called that."""
    media = media_type(value)
    assert media == MediaType(kind, parameters)
    assert bytes(media) == canonical(value) == written
    assert bytes(media_type(written)) == written


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"json",
        b"/json",
        b"application/",
        b" application/json",
        b"application /json",
        b"application/json charset=utf-8",
        b"application/json, text/plain",
        b"application/json; charset",
        b"application/json; charset=",
        b"application/json; charset =utf-8",
        b"application/json; charset= utf-8",
        b"application/json; =utf-8",
        b'application/json; charset="utf-8',
        b'application/json; charset=utf-8"',
        b'application/json; charset="utf-8"x',
        b'application/json; charset="utf\\-8"',
        b"application/json; charset='utf-8'; charset=utf-16",
        b"application/json; charset=utf-8; CHARSET=utf-8",
        b"application/json; x=1; x=2",
        b"application/json; x=\xe9",
        b'application/json; x="\xc3\xa9"',
        b'application/json; x="\x01"',
        b"a/b; x=" + b"y" * LONGEST,
    ],
)
def test_what_is_none_is_refused(value):
    """What two servers could read differently is no media type; where it is only passed on, it stays as it is."""
    with pytest.raises(BadMediaType):
        media_type(value)
    assert canonical(value) == value


@pytest.mark.parametrize(
    ("value", "utf8", "binary", "text"),
    [
        (b"application/json", True, False, True),
        (b"application/json; charset=us-ascii", True, False, True),
        (b"application/json; charset=utf-16le", False, False, True),
        (b"application/x-ndjson", True, False, True),
        (b"application/ld+json", True, False, True),
        (b"text/x-anything; charset=utf-7", False, False, True),
        (b"image/svg+xml", True, False, True),
        (b"image/png", True, True, False),
        (b"audio/mpeg", True, True, False),
        (b"video/mp4", True, True, False),
        (b"application/octet-stream", True, True, False),
        (b"application/pdf", True, True, False),
        (b"application/x-www-form-urlencoded", True, False, False),
        (b"multipart/form-data; boundary=x", True, False, False),
        (b"audiobook/x", True, False, False),
    ],
)
def test_what_a_type_tells_of_its_content(value, utf8, binary, text):
    """Whether it is UTF-8 if it is text, whether it is no text, whether it is text."""
    media = media_type(value)
    assert (media.is_utf8, media.is_binary, media.is_text) == (utf8, binary, text)


@given(
    st.binary(max_size=60)
    | st.from_regex(r'\A[a-z/]{3,8}(; ?[a-z]{1,3}=("[^"]{0,4}"|[a-z]{1,3})){0,3}\Z').map(str.encode)
)
def test_what_is_written_is_read_the_same(value):
    """Any bytes are a media type that is written in a spelling of its own, or none at all."""
    written = canonical(value)
    assert canonical(written) == written
    try:
        assert media_type(written).kind == media_type(value).kind
    except BadMediaType:
        assert written == value
