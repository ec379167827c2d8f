"""Zstandard frames that are as long as they should be, or nothing."""

import tracemalloc

import pytest

from guard.archive.compression import FrameError, compress, decompress, most, skippable_header, zstd

DATA = b"a line\n" * 1_000
FRAME = compress(DATA)


def test_a_frame_comes_back():
    """What was compressed decompresses, and takes no more than it can."""
    assert decompress(FRAME, len(DATA)) == DATA
    assert len(FRAME) < most(len(DATA))


def test_what_is_skipped_is_no_part_of_the_content():
    """A skippable frame is left out by any decompressor, at the end of a file too."""
    assert zstd.decompress(FRAME + skippable_header(3) + b"odd") == DATA


def test_any_flipped_bit_is_found():
    """A frame has a checksum."""
    for at in range(len(FRAME)):
        damaged = bytearray(FRAME)
        damaged[at] ^= 4
        try:
            assert decompress(bytes(damaged), len(DATA)) == DATA  # a bit that no decoder looks at
        except FrameError:
            continue


@pytest.mark.parametrize(
    ("frame", "size", "told"),
    [
        (b"", 1, "0 bytes instead of 1"),
        (b"odd", 1, "cannot be decompressed"),
        (FRAME[:-1], len(DATA), "cut off before its end"),
        (FRAME, len(DATA) - 1, "more than the 6999 bytes"),
        (FRAME, len(DATA) + 1, "7000 bytes instead of 7001"),
        (FRAME + b"x", len(DATA), "1 bytes behind its end"),
        (FRAME + FRAME, len(DATA), "bytes behind its end"),
        (skippable_header(3) + b"odd", 1, "0 bytes instead of 1"),
    ],
)
def test_what_is_not_the_frame_is_refused(frame, size, told):
    """A frame that is cut, longer, shorter or something else is an error with a reason."""
    with pytest.raises(FrameError, match=told):
        decompress(frame, size)


def test_a_bomb_takes_no_more_memory_than_it_may():
    """Of a frame that would decompress to 200 MB no more is made than it should hold."""
    bomb = zstd.compress(bytes(200_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(FrameError, match="more than the 1000"):
            decompress(bomb, 1_000)
        assert tracemalloc.get_traced_memory()[1] < 16_000_000
    finally:
        tracemalloc.stop()
