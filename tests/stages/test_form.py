import pytest

from guard.refusal import Refusal
from guard.stages.form import form_prompt
from guard.wire.media import media_type
from guard.wire.multipart import BadForm, Form, Part

WAVE = b"RIFF\xff\xff\xff\xffWAVE"


def part(name: str, content: bytes, filename: str | None = None, kind: bytes | None = None) -> Part:
    """One part of a form."""
    return Part(name, filename, media_type(kind) if kind else None, content)


def test_all_texts_of_a_form_are_prompt():
    """Fields and files that are text, names, file names and types; not the content of other files."""
    prompt = form_prompt(
        Form(
            [
                part("model", b"whisper-1"),
                part("prompt", b"Hello"),
                part("file", WAVE, "song.wav", b"audio/wav"),
                part("notes", b"Some notes", "notes.txt", b"text/plain; charset=utf-8"),
                part("more", b"More notes", "more.bin", b"application/octet-stream"),
                part("empty", b"", ""),
            ]
        )
    )
    assert prompt.texts == ["whisper-1", "Hello", "Some notes", "More notes"]
    assert {"model", "prompt", "file", "notes", "more", "empty", "song.wav", "notes.txt", "more.bin"} <= {
        *prompt.others
    }
    assert {"audio/wav", "text/plain; charset=utf-8"} <= {*prompt.others}
    assert (prompt.model, prompt.stream) == ("whisper-1", False)


@pytest.mark.parametrize(("said", "stream"), [(b"true", True), (b"True", True), (b"1", True), (b"false", False)])
def test_a_form_tells_whether_it_wants_a_stream(said, stream):
    """As a JSON document does, in a form's words."""
    prompt = form_prompt(Form([part("stream", said)]))
    assert (prompt.model, prompt.stream) == (None, stream)


@pytest.mark.parametrize(
    "parts",
    [
        [part("model", b"a"), part("model", b"b")],
        [part("model", b"a"), part("model", b"a")],
        [part("model", b"a", "a.txt")],
        [part("model", b"\xff")],
        [part("stream", b"true"), part("stream", b"false")],
        [part("prompt", b"\xff")],
        [part("prompt", WAVE, None, b"audio/wav")],
        [part("file", b"\xff", "a.txt", b"text/plain")],
        [part("file", "Hello".encode("utf-16"), "a.csv", b"text/csv")],
        [part("file", b'{"a":"\xff"}', "a.jsonl", b"application/jsonl")],
    ],
)
def test_a_form_that_could_be_read_in_two_ways_is_none(parts):
    """What has to be one text is, and what has to be text is UTF-8."""
    with pytest.raises(BadForm):
        form_prompt(Form(parts))


@pytest.mark.parametrize(
    "parts",
    [
        [part("prompt", b"a", None, b"text/plain; charset=utf-16")],
        [part("file", b"a", "a.txt", b"text/plain; charset=utf-7")],
        [part("file", WAVE, "a.wav", b"audio/wav; charset=latin-1")],
        [part("_charset_", b"utf-16le")],
    ],
)
def test_a_form_is_utf8(parts):
    """No part says that it is in another charset, and neither does the whole."""
    with pytest.raises(Refusal) as refusal:
        form_prompt(Form(parts))
    assert (refusal.value.status, refusal.value.code) == (415, "unsupported_charset")


def test_a_form_may_say_that_it_is_utf8():
    """What browsers put into forms with a field `_charset_`."""
    assert form_prompt(Form([part("_charset_", b"UTF-8"), part("a", "é".encode())])).texts == ["UTF-8", "é"]
