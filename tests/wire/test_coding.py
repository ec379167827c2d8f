"""Content codings: everything that libraries can encode comes back, and nothing else comes through."""

import random
import zlib

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.config import Http
from guard.refusal import Refusal
from guard.wire.coding import ACCEPTED, ALWAYS_ALLOWED, STEP, decode
from tests.support.encoders import ENCODERS, zstd

TEXT = b'{"model":"m-1","messages":[{"role":"user","content":"Hello"}]}'
NOISE = random.Random(1).randbytes(3 * STEP + 17)
BOUNDS = Http()


def raw_deflate(data: bytes) -> bytes:
    """DEFLATE without a header, as some clients send it."""
    squeezer = zlib.compressobj(wbits=-15)
    return squeezer.compress(data) + squeezer.flush()


CODINGS = [*[(name.encode(), encode) for name, encode in ENCODERS.items()], (b"deflate", raw_deflate)]
EACH = pytest.mark.parametrize(("coding", "encode"), CODINGS, ids=["gzip", "x-gzip", "deflate", "br", "zstd", "raw"])


def refused(coding: bytes, body: bytes, bounds: Http = BOUNDS) -> tuple[int, str, str]:
    """Status, code and message of a refusal."""
    with pytest.raises(Refusal) as refusal:
        decode(coding, body, bounds)
    return refusal.value.status, refusal.value.code, refusal.value.message


def outcome(coding: bytes, body: bytes, bounds: Http) -> int:
    """The status of a refusal, or 200 for a body within the bounds."""
    try:
        decoded = decode(coding, body, bounds)
    except Refusal as refusal:
        return refusal.status
    return 200 if len(decoded) <= bounds.body_bytes else 0


@EACH
@pytest.mark.parametrize("data", [b"", b"a", TEXT, bytes(100_000), NOISE, NOISE * 4], ids=len)
def test_what_was_encoded_comes_back(coding, encode, data):
    """Each coding is undone, whatever the size of what is in it and of what it is in."""
    assert decode(coding, encode(data), BOUNDS) == data


@EACH
@given(st.binary(max_size=300), st.integers(1, 5_000))
def test_any_bytes_come_back(coding, encode, unit, times):
    """Decoding undoes encoding, for repeats that are longer than the steps it takes, too."""
    data = (unit * times)[:ALWAYS_ALLOWED]
    assert decode(coding, encode(data), BOUNDS) == data


def chunked(coding: str, pieces: list[bytes]) -> bytes:
    """A stream that was flushed after each piece, as by a client that streams."""
    match coding:
        case "br":
            brotlier = brotli.Compressor()
            return b"".join([brotlier.process(piece) + brotlier.flush() for piece in pieces]) + bytes(brotlier.finish())
        case "zstd":
            zstder = zstd.ZstdCompressor()
            return b"".join([zstder.compress(piece, zstder.FLUSH_BLOCK) for piece in pieces]) + zstder.flush()
    squeezer = zlib.compressobj(wbits=31 if coding.endswith("gzip") else 15)
    flushed = [squeezer.compress(piece) + squeezer.flush(zlib.Z_SYNC_FLUSH) for piece in pieces]
    return b"".join(flushed) + squeezer.flush()


@given(st.sampled_from(sorted(ENCODERS)), st.lists(st.binary(max_size=2_000), max_size=20), st.integers(1, 100))
def test_any_chunking_comes_back(coding, pieces, step):
    """However a client cut its stream while it made it, and wherever it is cut while it is read, it is the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("guard.wire.coding.STEP", step)
        assert decode(coding.encode(), chunked(coding, pieces), BOUNDS) == b"".join(pieces)


@pytest.mark.parametrize("coding", [b"", b"identity", b"compress", b"GZIP", b"gzip,gzip", b"gzip, br", b"zstd;q=1"])
def test_unknown_codings_are_refused(coding):
    """The answer tells which codings are taken (RFC 9110, section 15.5.16)."""
    with pytest.raises(Refusal) as refusal:
        decode(coding, TEXT, BOUNDS)
    assert (refusal.value.status, refusal.value.code) == (415, "unsupported_content_encoding")
    assert refusal.value.headers == ((b"accept-encoding", ACCEPTED),)


@EACH
def test_a_stream_without_its_end_is_refused(coding, encode):
    """Cut anywhere, in its header or its checksum, it is no stream."""
    whole = encode(TEXT)
    for size in range(len(whole)):
        status, code, message = refused(coding, whole[:size])
        assert (status, code) == (400, "body_not_decodable")
        assert message.startswith(f"the body is not one whole {coding.decode()} stream: ")


@EACH
@pytest.mark.parametrize("behind", [b"\0", b"junk", b"\n", NOISE], ids=len)
@pytest.mark.parametrize("data", [TEXT, bytes(STEP), NOISE], ids=len)
def test_nothing_may_follow(coding, encode, behind, data):
    """What stands behind the end of a stream is refused and not ignored."""
    assert refused(coding, encode(data) + behind)[:2] == (400, "body_not_decodable")


@EACH
def test_a_second_stream_is_refused(coding, encode):
    """A second member of gzip or frame of zstd would be decoded by some and not by others."""
    assert refused(coding, encode(TEXT) + encode(TEXT))[:2] == (400, "body_not_decodable")


@EACH
def test_corruption_is_refused(coding, encode):
    """A bit that flipped breaks the stream or its checksum, or changes what comes out; it never does more than that."""
    whole = encode(TEXT * 5)
    for at in range(len(whole)):
        assert outcome(coding, whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :], BOUNDS) in {200, 400}


def zstd_with_window(log: int) -> bytes:
    """A frame that does not tell its size, and so asks for a whole window."""
    zstder = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: log})
    return zstder.compress(TEXT) + zstder.flush()


@pytest.mark.parametrize(
    "body",
    [
        b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd",
        b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd" + zstd.compress(TEXT),
        zstd.compress(TEXT) + b"\x50\x2a\x4d\x18\x00\x00\x00\x00",
        zstd.compress(TEXT, zstd_dict=zstd.ZstdDict(TEXT, is_raw=True)),
        zstd_with_window(24),
        b"\x1e\xb5\x2f\xfd" + bytes(20),
    ],
    ids=["skippable", "skippable first", "skippable last", "dictionary", "window", "older than the format"],
)
def test_zstd_is_one_frame(body):
    """No skippable frame, no dictionary, no window over 8 MiB (RFC 9659)."""
    assert refused(b"zstd", body)[:2] == (400, "body_not_decodable")


def test_the_largest_window_is_allowed():
    """8 MiB is what every receiver has to support."""
    assert decode(b"zstd", zstd_with_window(23), BOUNDS) == TEXT


def test_what_follows_the_header_decides_about_deflate():
    """A zlib stream with a broken checksum is not tried again without its header."""
    whole = zlib.compress(TEXT)
    assert refused(b"deflate", whole[:-1] + bytes([whole[-1] ^ 1]))[:2] == (400, "body_not_decodable")
    assert refused(b"deflate", zlib.compress(TEXT)[2:])[:2] == (400, "body_not_decodable")
    with_dictionary = zlib.compressobj(zdict=b"model")
    assert refused(b"deflate", with_dictionary.compress(TEXT) + with_dictionary.flush())[:2] == (
        400,
        "body_not_decodable",
    )


@EACH
@pytest.mark.parametrize(
    ("bounds", "size", "told"),
    [
        (Http(body_bytes=1_000), 1_000, None),
        (Http(body_bytes=1_000), 1_001, "1000 bytes"),
        (Http(decoded_ratio=1), ALWAYS_ALLOWED, None),
        (Http(decoded_ratio=1), ALWAYS_ALLOWED + 1, "1 times its size"),
        (Http(), 10_485_761, ("100 times its size", "10485760 bytes")),
    ],
)
def test_what_comes_out_is_bounded(coding, encode, bounds, size, told):
    """Neither over the size of any body nor over a multiple of what came, but always up to 1 MiB."""
    body = encode(bytes(size))
    if told is None:
        assert decode(coding, body, bounds) == bytes(size)
    else:
        status, code, message = refused(coding, body, bounds)
        assert (status, code) == (413, "body_too_large")
        assert any(words in message for words in ([told] if isinstance(told, str) else told))


def test_a_ratio_that_text_has_is_allowed():
    """Prompts that repeat themselves a lot are not taken for bombs."""
    lines = b"".join(b"%d: the same line of a log again\n" % number for number in range(60_000))
    for coding, encode in CODINGS:
        assert decode(coding, encode(lines), BOUNDS) == lines


@given(st.sampled_from(sorted(ENCODERS)), st.binary(max_size=400), st.booleans())
def test_no_bytes_break_it(coding, junk, begun):
    """Any bytes, also behind the beginning of a real stream, decode within the bounds or are refused."""
    body = ENCODERS[coding](bytes(3_000))[:12] + junk if begun else junk
    assert outcome(coding.encode(), body, Http(body_bytes=2_000)) in {200, 400, 413}
