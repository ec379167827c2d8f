import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.wire.media import media_type
from guard.wire.multipart import MAX_HEADER_BYTES, MAX_PARTS, BadForm, Form, Part, parse

WAVE = media_type(b"audio/wav")
A = Part("a", None, None, b"Hello")


def one(head: str, content: bytes = b"Hello") -> bytes:
    """A form of one part with this header."""
    return b"--x\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n--x--\r\n"


@pytest.mark.parametrize(
    ("head", "part"),
    [
        ('Content-Disposition: form-data; name="a"', A),
        ("content-disposition:form-data;name=a", A),
        ('Content-Disposition: Form-Data ; Name="a" ; filename="b.wav"', Part("a", "b.wav", None, b"Hello")),
        ('Content-Disposition: form-data; filename=""; name=""', Part("", "", None, b"Hello")),
        ('Content-Disposition: form-data; name="ä %22;="', Part("ä %22;=", None, None, b"Hello")),
        ('Content-Type: Audio/WAV\r\nContent-Disposition: form-data; name="a"', Part("a", None, WAVE, b"Hello")),
        ('Content-Disposition: form-data; name="a"\r\nX: y\r\nContent-Length: 9', A),
        ('Content-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: Binary', A),
    ],
)  # fmt: skip
def test_a_part_is_read(head, part):
    """Name, file name, type and content; fields of the header that mean nothing to a form are dropped."""
    assert parse(one(head), "x").parts == [part]


@pytest.mark.parametrize(
    "head",
    [
        "",
        "X: y",
        'Content-Disposition: attachment; name="a"',
        "Content-Disposition: form-data",
        'Content-Disposition: form-data; filename="a"',
        'Content-Disposition: form-data; name="a"; name="a"',
        'Content-Disposition: form-data; name="a"; NAME="b"',
        'Content-Disposition: form-data; name="a"; filename="b"; filename="c"',
        "Content-Disposition: form-data; name=\"a\"; filename*=utf-8''b",
        'Content-Disposition: form-data; name="a"; x="b"',
        'Content-Disposition: form-data; name="a',
        'Content-Disposition: form-data; name=a b',
        'Content-Disposition: form-data; name="a"b',
        'Content-Disposition: form-data name="a"',
        'Content-Disposition: form-data; name="a\\"; x=\\"b"',
        'Content-Disposition: form-data; name="a"; filename="C:\\b"',
        'Content-Disposition: form-data; name="a\x00"',
        'Content-Disposition: form-data; name="a\tb"',
        'Content-Disposition: form-data; name="a"\r\nContent-Disposition: form-data; name="b"',
        'Content-Disposition: form-data;\r\n name="a"',
        'Content-Disposition : form-data; name="a"',
        'Content-Disposition: form-data; name="a"\nX: y',
        'Content-Disposition: form-data; name="a"\rX: y',
        'Content-Disposition: form-data; name="a"\r\nX',
        'Content-Disposition: form-data; name="a"\r\nContent-Type: text',
        'Content-Disposition: form-data; name="a"\r\nContent-Type: text/plain; charset=a; charset=b',
        'Content-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64',
        'Content-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: quoted-printable',
        f'Content-Disposition: form-data; name="{"a" * MAX_HEADER_BYTES}"',
    ],
)  # fmt: skip
def test_an_odd_header_is_refused(head):
    """What servers read in different ways, or what would change the content's meaning, is in no form that goes on."""
    with pytest.raises(BadForm):
        parse(one(head), "x")


def test_a_header_is_utf8():
    """Names in other codings are refused."""
    with pytest.raises(BadForm, match="not UTF-8"):
        parse(one('Content-Disposition: form-data; name="?"').replace(b"?", b"\xe9"), "x")


HELLO = b'Content-Disposition: form-data; name="a"\r\n\r\nHello'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--x",
        b"--x--",
        b"--x--\r\n",
        b"--x\r\n" + HELLO,
        b"--x\r\n" + HELLO + b"\r\n--x",
        b"--x\r\n" + HELLO + b"\r\n--x-",
        b"--x\r\n" + HELLO + b"\r\n--x\r\n",
        b"--x\r\n" + HELLO + b"\n--x--\r\n",
        b"--x\n" + HELLO + b"\r\n--x--\r\n",
        b"--x \r\n" + HELLO + b"\r\n--x--\r\n",
        b"--xy\r\n" + HELLO + b"\r\n--xy--\r\n",
        b"--x\r\n" + HELLO + b"\r\n--xy\r\n" + HELLO + b"\r\n--x--\r\n",
        b"\r\n--x\r\n" + HELLO + b"\r\n--x--\r\n",
        b"preamble\r\n--x\r\n" + HELLO + b"\r\n--x--\r\n",
        b"--x\r\n" + HELLO + b"\r\n--x--\r\nepilogue",
        b"--x\r\n" + HELLO + b"\r\n--x--\r\n\r\n",
        b"--x\r\n" + HELLO + b"\r\n--x--\r\n--x\r\n" + HELLO + b"\r\n--x--\r\n",
        b"--x\r\n\r\nHello\r\n--x--\r\n",
        b"--x\r\n" + HELLO[:-7] + b"\r\n--x--\r\n",
    ],
)
def test_an_odd_frame_is_refused(body):
    """Nothing stands before the first delimiter, behind the last, or on the line of one."""
    with pytest.raises(BadForm):
        parse(body, "x")


@pytest.mark.parametrize("boundary", [None, "", "x" * 71, "x "])
def test_a_form_has_a_boundary(boundary):
    """Without one that is legal (RFC 2046, section 5.1.1) there is nothing to read."""
    with pytest.raises(BadForm, match="boundary"):
        parse(one(HELLO.decode()), boundary)


def test_parts_are_bounded():
    """A hundred parts are read; more, however small, are refused."""
    part = b"--x\r\n" + HELLO + b"\r\n"
    assert len(parse(part * MAX_PARTS + b"--x--", "x").parts) == MAX_PARTS
    with pytest.raises(BadForm, match="more than 100 parts"):
        parse(part * (MAX_PARTS + 1) + b"--x--", "x")
    with pytest.raises(BadForm):
        parse(b"--x\r\n" * 100_000, "x")


def test_a_field_is_one_text():
    """A field that says something to the guard stands once, is no file, and is UTF-8."""
    form = Form(
        [
            Part("a", None, None, b"\xc3\xa9"), Part("b", None, None, b""), Part("b", None, None, b""),
            Part("c", "", None, b""), Part("d", None, None, b"\xe9"),
        ]
    )  # fmt: skip
    assert (form.text("a"), form.text("e")) == ("é", None)
    for name in "bcd":
        with pytest.raises(BadForm, match=f"the field {name} is not"):
            form.text(name)


def test_another_model_is_put_in():
    """Only the content of the field changes."""
    form = Form([Part("model", None, None, b"m-1"), Part("x", None, None, b"m-1")])
    assert parse(bytes(form.renamed("m-2")), form.boundary.decode()).parts == [
        Part("model", None, None, b"m-2"),
        Part("x", None, None, b"m-1"),
    ]
    assert bytes(form.renamed("m-1")) == bytes(form)


def test_a_boundary_cannot_be_foreseen():
    """A content that was made to look like a delimiter looks like none in the next form."""
    form = Form([Part("a", None, None, b"")])
    inner = bytes(form)
    outer = Form([Part("a", None, None, inner)])
    assert parse(bytes(outer), outer.boundary.decode()).parts == outer.parts


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters='"\\'), max_size=20)
MEDIA = st.sampled_from([None, WAVE, media_type(b'text/plain; charset=utf-8; x="y z"')])
PARTS = st.lists(st.builds(Part, NAMES, st.none() | NAMES, MEDIA, st.binary(max_size=100)), min_size=1, max_size=6)


@given(PARTS)
def test_what_is_built_is_what_was_read(parts):
    """A form goes on as exactly the parts that were read."""
    form = Form(parts)
    again = parse(bytes(form), form.boundary.decode())
    assert again.parts == parts
    assert again.boundary != form.boundary


@given(st.lists(st.sampled_from([b"--x", b"\r\n", b"--", HELLO[:42], b"\r\n\r\n", b"a", b": ", b"\n"]), max_size=12))
def test_no_bytes_break_it(pieces):
    """Any bytes are a form or none, and a form can be built anew."""
    try:
        form = parse(b"".join(pieces), "x")
    except BadForm:
        return
    assert parse(bytes(form), form.boundary.decode()).parts == form.parts
