import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.wire.pieces import Events, Lines, Pieces, splitter_for


def fed(splitter, pieces):
    """All frames of a stream that comes in these pieces."""
    return [frame for piece in pieces for frame in splitter.feed(piece)] + splitter.close()


def cuts(data: bytes) -> list[list[bytes]]:
    """Every way to cut a stream in two, and the one that cuts everywhere."""
    return [[data[:at], data[at:]] for at in range(len(data) + 1)] + [[data[at : at + 1] for at in range(len(data))]]


STREAMS = [
    (b"data: a\n\n", [b"a"]),
    (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
    (b"data:a\n\n", [b"a"]),
    (b"data:  a\n\n", [b" a"]),
    (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
    (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
    (b"data: a\n\r\ndata: b\r\n\n", [b"a", b"b"]),
    (b"data: a\n\rdata: b\r\n\rdata: c\n\n", [b"a", b"b", b"c"]),
    (b"data: a\r\r\ndata: b\n\n", [b"a", b"b"]),
    (b"data: a\ndata: b\n\n", [b"a\nb"]),
    (b"data: a\r\ndata: b\rdata: c\n\n", [b"a\nb\nc"]),
    (b"data\n\n", [b""]),
    (b"data: a\ndata\n\n", [b"a\n"]),
    (b"event: x\nid: 1\ndata: a\nretry: 5\n\n", [b"a"]),
    (b": comment\n\n", [b""]),
    (b":\n\ndata: a\n\n", [b"", b"a"]),
    (b": c\ndata: a\n\n", [b"a"]),
    (b"data: a\x0b\x0c\x1c\x85b\n\n", [b"a\x0b\x0c\x1c\x85b"]),
    ("data: é\u2028😀\n\n".encode(), ["é\u2028😀".encode()]),
    (b"datax: a\n\n", [b""]),
    (b"Data: a\n\n", [b""]),
    (b"data: a", [b"a"]),
    (b"data: a\n", [b"a"]),
    (b"data: a\r", [b"a"]),
    (b"data: [DONE]\n\n", [b"[DONE]"]),
    (b"\n\n\n\n", [b"", b""]),
    (b"", []),
]


@pytest.mark.parametrize(("stream", "expected"), STREAMS)
def test_events(stream, expected):
    """Events end at a blank line, whatever ends a line; their data lines are joined."""
    found = [frame.data for frame in fed(Events(), [stream])]
    # A line end that is left over between two events belongs to neither's data.
    assert [data for data in found if data] == [data for data in expected if data]


@pytest.mark.parametrize("stream", [stream for stream, _ in STREAMS])
def test_cutting_a_stream_changes_no_event(stream):
    """Wherever segments end, the events are the same, and no byte is lost or added."""
    whole = fed(Events(), [stream])
    assert b"".join(frame.raw for frame in whole) == stream
    for pieces in cuts(stream):
        assert fed(Events(), pieces) == whole


ENDS = re.compile(rb"\r\n|\r|\n")


def reference(stream: bytes) -> list[bytes]:
    """The data of a stream's events by the letter of the specification, the last one also when it is unfinished."""
    events, data = [], None
    for line in ENDS.split(stream):
        name, _, value = line.partition(b":")
        if name == b"data":
            value = value.removeprefix(b" ")
            data = value if data is None else data + b"\n" + value
        elif not line and data is not None:
            events.append(data)
            data = None
    return events if data is None else [*events, data]


LINES = st.tuples(
    st.sampled_from([b"data: a", b"data:b", b"data", b": c", b"event: d", b"", b""]),
    st.sampled_from([b"\r\n", b"\r", b"\n"]),
).map(b"".join)
STREAM = st.tuples(st.lists(LINES, max_size=8).map(b"".join), st.sampled_from([b"", b"data: e"])).map(b"".join)


@given(STREAM, st.data())
def test_events_are_those_of_the_specification(stream, data):
    """For any mix of line ends and any cuts the events' data are what a browser would have."""
    places = sorted(data.draw(st.sets(st.integers(0, len(stream)))))
    pieces = [stream[start:end] for start, end in zip([0, *places], [*places, len(stream)], strict=True)]
    frames = fed(Events(), pieces)
    assert b"".join(frame.raw for frame in frames) == stream
    assert [frame.data for frame in frames if frame.data] == [event for event in reference(stream) if event]


@pytest.mark.parametrize("splitter", [Events, Lines])
@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_a_frame_is_bounded(splitter, size):
    """A frame that does not end is refused as soon as it is over the limit, in pieces of any size."""
    one = splitter(limit=100)
    for _ in range(100 // size):
        assert one.feed(b"x" * size) == []
    with pytest.raises(ValueError, match="longer than 100 bytes"):
        one.feed(b"x" * size)


def test_what_waits_is_at_most_the_limit():
    """Exactly the limit may wait."""
    events = Events(limit=100)
    assert events.feed(b"x" * 100) == []
    assert len(events.rest) == 100


@pytest.mark.timeout(10)
def test_a_large_event_in_small_pieces_is_quick():
    """What has been searched is not searched again with every segment."""
    events = Events()
    piece = b"x" * 64
    frames = [frame for _ in range(16_000) for frame in events.feed(piece)] + events.feed(b"\n\n")
    assert [len(frame.raw) for frame in frames] == [64 * 16_000 + 2]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b'{"a":1}\n{"b":2}\n', [b'{"a":1}', b'{"b":2}']),
        (b'{"a":1}\r\n{"b":2}', [b'{"a":1}', b'{"b":2}']),
        (b"\n\na\n", [b"", b"", b"a"]),
        (b"", []),
    ],
)
def test_lines(stream, expected):
    """Lines are frames, the last one also without its end, wherever segments end."""
    for pieces in ([stream], *cuts(stream)):
        frames = fed(Lines(), pieces)
        assert [frame.data for frame in frames] == expected
        assert b"".join(frame.raw for frame in frames) == stream


@pytest.mark.parametrize("text", ["plain", "é😀𝄞", "a\u200bb", ""])
def test_text_is_decoded_across_pieces(text):
    """A character cut in two by segments is one character of text, and every piece goes on as it came."""
    for parts in cuts(text.encode()):
        pieces = Pieces(text=True)
        assert [frame.raw for part in parts for frame in pieces.feed(part)] == parts
        found = [one for part in parts for one in pieces.texts(part)]
        assert {channel for channel, _ in found} <= {""}
        assert "".join(said for _, said in found) == text


def test_bytes_that_are_no_text_stand_for_something():
    """In text that is not UTF-8 what is readable is still there to be matched."""
    assert Pieces(text=True).texts(b"\xffbad\xfe") == [("", "\ufffdbad\ufffd")]


def test_binary_has_no_text():
    """Images and sounds are not matched."""
    assert Pieces(text=False).texts(b"abc") == []


@pytest.mark.parametrize(
    ("kind", "splitter", "texts"),
    [
        (b"text/event-stream", Events, None),
        (b"application/x-ndjson", Lines, None),
        (b"application/jsonl", Lines, None),
        (b"text/plain", Pieces, [("", "a")]),
        (b"", Pieces, [("", "a")]),
        (b"made/up", Pieces, [("", "a")]),
        (b"audio/mpeg", Pieces, []),
        (b"image/png", Pieces, []),
        (b"application/octet-stream", Pieces, [("", "a")]),
    ],
)
def test_the_content_type_chooses(kind, splitter, texts):
    """What is not known to be binary is text."""
    one = splitter_for(kind)
    assert type(one) is splitter
    if isinstance(one, Pieces):
        assert one.texts(b"a") == texts
