"""Frames: what is legal comes through however it is cut, what is not is a violation with the right code."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from guard.wire.websocket import CLIENT, MAX_FRAGMENTS, SERVER, Close, Codec, Message, Ping, Pong, Violation

TEXT, BINARY, MORE, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
LIMIT = 100_000


def bits(first: int, length: bytes, payload: bytes = b"", *, mask: bytes | None = b"\x01\x02\x03\x04") -> bytes:
    """A frame by its bits: the first byte, the length as it is written (without the mask's bit), the payload."""
    if mask is None:
        return bytes([first]) + length + payload
    coded = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return bytes([first, length[0] | 0x80]) + length[1:] + mask + coded


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, mask: bool = True) -> bytes:
    """A legal frame, made by another library."""
    return Frame(Opcode(opcode), payload, fin).serialize(mask=mask)


def read(codec: Codec, *pieces: bytes) -> list[Any]:
    """Everything that these bytes hold."""
    found: list[Any] = []
    for piece in pieces:
        codec.feed(piece)
        while (event := codec.next()) is not None:
            found.append(event)
    return found


def server(limit: int = LIMIT) -> Codec:
    """The guard's end before a client."""
    return Codec(SERVER, limit)


LEGAL = {
    "text": (frame(TEXT, b"hello"), [Message(b"hello", True)]),
    "empty text": (frame(TEXT), [Message(b"", True)]),
    "binary": (frame(BINARY, b"\xff\x00"), [Message(b"\xff\x00", False)]),
    "empty binary": (frame(BINARY), [Message(b"", False)]),
    "125 bytes": (frame(TEXT, b"*" * 125), [Message(b"*" * 125, True)]),
    "126 bytes": (frame(TEXT, b"*" * 126), [Message(b"*" * 126, True)]),
    "65,535 bytes": (frame(BINARY, b"*" * 65_535), [Message(b"*" * 65_535, False)]),
    "65,536 bytes": (frame(BINARY, b"*" * 65_536), [Message(b"*" * 65_536, False)]),
    "fragments": (
        frame(TEXT, b"a", fin=False) + frame(MORE, b"b", fin=False) + frame(MORE, b"c"), [Message(b"abc", True)]
    ),
    "empty fragments": (frame(TEXT, fin=False) + frame(MORE, fin=False) + frame(MORE), [Message(b"", True)]),
    "a character across fragments": (
        frame(TEXT, b"\xce\xba\xe1", fin=False) + frame(MORE, b"\xbd\xb9"), [Message(b"\xce\xba\xe1\xbd\xb9", True)]
    ),
    "control frames between fragments": (
        frame(TEXT, b"a", fin=False) + frame(PING, b"p") + frame(PONG) + frame(MORE, b"b"),
        [Ping(b"p"), Pong(), Message(b"ab", True)],
    ),
    "ping with 125 bytes": (frame(PING, b"x" * 125), [Ping(b"x" * 125)]),
    "close": (frame(CLOSE, b"\x03\xe8bye"), [Close(1000, "bye")]),
    "close without a code": (frame(CLOSE), [Close(1005, "")]),
    "close with the longest reason": (frame(CLOSE, b"\x03\xe8" + b"x" * 123), [Close(1000, "x" * 123)]),
    "nothing counts after close": (frame(CLOSE, b"\x03\xe8") + frame(TEXT, b"x") + b"\xff\xff", [Close(1000, "")]),
    **{
        f"close {code}": (bits(0x88, b"\x02", code.to_bytes(2)), [Close(code, "")])
        for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3999, 4000, 4999)
    },
}  # fmt: skip


@pytest.mark.parametrize(("sent", "expected"), LEGAL.values(), ids=LEGAL)
def test_legal_frames(sent, expected):
    """All at once, byte by byte, and cut in two."""
    assert read(server(), sent) == expected
    if len(sent) < 200:
        assert read(server(), *(sent[at : at + 1] for at in range(len(sent)))) == expected
        for cut in range(1, len(sent)):
            assert read(server(), sent[:cut], sent[cut:]) == expected


VIOLATIONS = {
    **{f"reserved bit {bit:#x}": (bits(0x81 | bit, b"\x01", b"a"), 1002) for bit in (0x40, 0x20, 0x10)},
    **{f"reserved opcode {code}": (bits(0x80 | code, b"\x00"), 1002) for code in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "reserved bit on a continuation": (frame(TEXT, b"a", fin=False) + bits(0xC0, b"\x01", b"a"), 1002),
    "reserved bit on a control frame": (bits(0xC9, b"\x00"), 1002),
    "no mask": (bits(0x81, b"\x01", b"a", mask=None), 1002),
    "ping of 126 bytes": (bits(0x89, b"\x7e\x00\x7e", b"x" * 126), 1002),
    "close of 126 bytes": (bits(0x88, b"\x7e\x00\x7e", b"\x03\xe8" + b"x" * 124), 1002),
    "fragmented ping": (bits(0x09, b"\x01", b"a"), 1002),
    "fragmented close": (bits(0x08, b"\x00"), 1002),
    "continuation of nothing": (frame(MORE, b"a"), 1002),
    "continuation after the end": (frame(TEXT, b"a") + frame(MORE, b"b"), 1002),
    "a text within a text": (frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), 1002),
    "a binary within a text": (frame(TEXT, b"a", fin=False) + frame(BINARY, b"b"), 1002),
    "length of 5 in two bytes": (bits(0x81, b"\x7e\x00\x05", b"hello"), 1002),
    "length of 125 in two bytes": (bits(0x81, b"\x7e\x00\x7d", b"x" * 125), 1002),
    "length of 5 in eight bytes": (bits(0x81, b"\x7f" + (5).to_bytes(8), b"hello"), 1002),
    "length of 65,535 in eight bytes": (bits(0x82, b"\x7f" + (65_535).to_bytes(8), b""), 1002),
    "length with the highest bit": (bits(0x82, b"\x7f" + (1 << 63).to_bytes(8), b""), 1002),
    "close with half a code": (bits(0x88, b"\x01", b"\x03"), 1002),
    **{
        f"close {code}": (bits(0x88, b"\x02", code.to_bytes(2)), 1002)
        for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535)
    },
    "close with a reason that is no UTF-8": (bits(0x88, b"\x03", b"\x03\xe8\xff"), 1007),
    "text that is no UTF-8": (frame(TEXT, b"\xff"), 1007),
    "text that ends within a character": (frame(TEXT, b"\xce"), 1007),
    "text with a lone surrogate": (frame(TEXT, b"\xed\xa0\x80"), 1007),
    "text with an overlong form": (frame(TEXT, b"\xc0\xaf"), 1007),
    "text beyond Unicode": (frame(TEXT, b"\xf4\x90\x80\x80"), 1007),
    "no UTF-8 in a later fragment": (frame(TEXT, b"\xce\xba", fin=False) + frame(MORE, b"\xff"), 1007),
    "a character broken by a fragment": (frame(TEXT, b"\xce", fin=False) + frame(MORE, b"a"), 1007),
    "too long": (frame(BINARY, b"x" * (LIMIT + 1)), 1009),
    "too long together": (frame(BINARY, b"x" * LIMIT, fin=False) + frame(MORE, b"x"), 1009),
    "too many fragments": (frame(TEXT, fin=False) + frame(MORE, fin=False) * MAX_FRAGMENTS, 1009),
}


@pytest.mark.parametrize(("sent", "code"), VIOLATIONS.values(), ids=VIOLATIONS)
def test_violations(sent, code):
    """Each has its code, however it is cut, and nothing that follows is heard."""
    for pieces in ([sent], [sent[at : at + 1] for at in range(len(sent))] if len(sent) < 20_000 else [sent]):
        codec = server()
        with pytest.raises(Violation) as caught:
            read(codec, *pieces)
        assert caught.value.code == code
        assert read(codec, frame(TEXT, b"more")) == []


def test_bound_holds_before_the_message_is_whole():
    """A message that announces more than it may have is not waited for."""
    codec = server(10)
    with pytest.raises(Violation) as caught:
        read(codec, bits(0x82, b"\x7f" + (1 << 40).to_bytes(8), b"x" * 11))
    assert caught.value.code == 1009


def test_server_frames_are_not_masked():
    """What is required of clients is forbidden to servers."""
    assert read(Codec(CLIENT, LIMIT), frame(TEXT, b"a", mask=False)) == [Message(b"a", True)]
    with pytest.raises(Violation, match="masked"):
        read(Codec(CLIENT, LIMIT), frame(TEXT, b"a"))


@pytest.mark.parametrize(("ours", "theirs"), [(SERVER, CLIENT), (CLIENT, SERVER)])
def test_what_one_side_writes_the_other_reads(ours, theirs):
    """Messages, pings, their answers and closes are the same on the other side."""
    one, other = Codec(ours, LIMIT), Codec(theirs, LIMIT)
    sent = [Message("é".encode(), True), Message(b"\xff", False), Message(b"", True)]
    wire = b"".join(map(one.message, sent)) + one.ping() + one.pong(Ping(b"p")) + one.close(1008, "x" * 200)
    assert read(other, wire) == [*sent, Ping(b""), Pong(), Close(1008, "x" * 123)]
    assert read(one, other.close(1005, "")) == [Close(1005, "")]
    assert one.close(1000, "") == b""


def test_closing_twice_says_nothing():
    """A side says goodbye once."""
    codec = server()
    assert codec.close(1000, "") != b""
    assert codec.close(1000, "") == b""


MESSAGES = st.one_of(
    st.text(max_size=300).map(lambda text: Message(text.encode(), True)),
    st.binary(max_size=300).map(lambda data: Message(data, False)),
    st.binary(max_size=125).map(Ping),
)


@settings(deadline=None)
@given(st.lists(MESSAGES, max_size=8), st.data())
def test_any_split_of_any_legal_frames_gives_the_same_messages(sent, data):
    """Messages in any fragments with pings between them, in segments of any size."""
    wire = b""
    expected: list[Any] = []
    for message in sent:
        if isinstance(message, Ping):
            wire += frame(PING, message.payload)
            expected.append(message)
            continue
        content = message.content
        cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=4)))
        parts = [content[start:end] for start, end in zip([0, *cuts], [*cuts, len(content)], strict=True)]
        for index, part in enumerate(parts):
            opcode = MORE if index else TEXT if message.text else BINARY
            wire += frame(opcode, part, fin=index == len(parts) - 1)
            if index < len(parts) - 1 and data.draw(st.booleans()):
                wire += frame(PING, b"between")
                expected.append(Ping(b"between"))
        expected.append(message)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(wire)), max_size=12)))
    pieces = [wire[start:end] for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    assert read(server(), *pieces) == expected
    assert read(server(), wire) == expected


@settings(deadline=None)
@given(st.binary(max_size=400), st.data())
def test_noise_never_breaks_the_codec(noise, data):
    """Whatever comes gives messages or one violation, the same however it is cut."""

    def outcome(pieces: list[bytes]) -> list[Any]:
        found: list[Any] = []
        codec = server()
        try:
            for piece in pieces:
                codec.feed(piece)
                while (event := codec.next()) is not None:
                    found.append(event)
        except Violation as violation:
            found.append(violation.code)
        return found

    cuts = sorted(data.draw(st.sets(st.integers(0, len(noise)), max_size=6)))
    pieces = [noise[start:end] for start, end in zip([0, *cuts], [*cuts, len(noise)], strict=True)]
    assert outcome(pieces) == outcome([noise])


@pytest.mark.parametrize(
    ("message", "expected"),
    [(Message(b"a", True), True), (Message("é".encode(), False), True), (Message(b"\xff", False), False)],
)
def test_what_holds_text_is_legible(message, expected):
    """Text is, and so is binary that is valid UTF-8."""
    assert message.legible is expected
