"""Reading sealed segments."""

from itertools import pairwise

import msgspec
import pytest

from guard.archive.compression import compress, zstd
from guard.archive.damage import Damage
from guard.archive.sealed import Sealed
from guard.journal.folder import PLAIN, SEALED, segments
from tests.support.sealing import seal_all, write_log


@pytest.fixture
def case(tmp_path):
    """A sealed segment of several frames, and the plain bytes that it was."""
    write_log(tmp_path, [40, 1])
    plain = segments(tmp_path, "w1")[0].path(PLAIN).read_bytes()
    seal_all(tmp_path, frame_bytes=512)
    return segments(tmp_path, "w1")[0], plain


def test_any_part_can_be_read(case):
    """Frames, all from a record on, and bytes from anywhere to anywhere are those of the plain file."""
    segment, plain = case
    with Sealed(segment) as sealed:
        frames = list(sealed.frames())
        assert b"".join(frames) == plain
        assert len(frames) == len(sealed.manifest.frames) > 5
        later = b"".join(sealed.frames(20))
        assert plain.endswith(later)
        assert b'{"seq":20,' in later
        for start, stop in [(0, 10), (5, 2_000), (500, 520), (len(plain) - 3, len(plain) + 9), (9, 9), (10**9, 10**9)]:
            assert sealed.read(start, stop) == plain[start:stop]
        assert sealed.size == len(plain)


def test_cuts_are_where_frames_begin(case):
    """Work is shared out at frames, so that each is decompressed once."""
    with Sealed(case[0]) as sealed:
        cuts = sealed.cuts(1_000)
        starts = [0]
        for frame in sealed.manifest.frames:
            starts.append(starts[-1] + frame.plain)
    assert (cuts[0], cuts[-1]) == (0, sealed.size)
    assert set(cuts) < set(starts)
    assert all(end - begin >= 1_000 for begin, end in pairwise(cuts[:-1]))


def test_the_file_is_one_that_any_zstd_reads(case):
    """Without the manifest, decompressing all of it gives the plain file."""
    segment, plain = case
    assert zstd.decompress(segment.path(SEALED).read_bytes()) == plain


@pytest.mark.parametrize("where", [0, 9, 300])
def test_damage_names_the_first_record_of_the_frame(case, where):
    """A frame that cannot be what was sealed is told with its first record."""
    segment, _ = case
    data = bytearray(segment.path(SEALED).read_bytes())
    data[where] ^= 0xFF
    segment.path(SEALED).write_bytes(data)
    with Sealed(segment) as sealed, pytest.raises(Damage, match="is damaged") as damage:
        list(sealed.frames())
    number = next(n for n in range(99) if where < sealed.manifest.bounds(n)[1])
    assert damage.value.problem.seq == sealed.manifest.frames[number].first


def test_a_bomb_is_damage(case):
    """A frame that decompresses to more than was sealed is not decompressed."""
    segment, _ = case
    with Sealed(segment) as sealed:
        begin, end = sealed.manifest.bounds(0)
        bomb = compress(bytes(100_000)).ljust(end - begin, b"\0")
        with pytest.raises(Damage, match="more than the"):
            sealed.decompress(0, bomb[: end - begin])


def test_a_frame_that_ends_within_a_line_is_damage(case):
    """Frames are of whole lines, also where a signed manifest says otherwise."""
    segment, plain = case
    with Sealed(segment) as sealed:
        frames = [msgspec.structs.replace(frame) for frame in sealed.manifest.frames]
        frames[0] = msgspec.structs.replace(frames[0], plain=frames[0].plain - 1)
        odd = Sealed(segment, msgspec.structs.replace(sealed.manifest, frames=tuple(frames)))
        with odd, pytest.raises(Damage, match="does not end where a line does"):
            odd.decompress(0, compress(plain[: frames[0].plain]))


def test_a_file_that_is_cut_is_damage(case):
    """What the file lacks is told, not waited for."""
    segment, _ = case
    data = segment.path(SEALED).read_bytes()
    segment.path(SEALED).write_bytes(data[: len(data) // 2])
    with Sealed(segment) as sealed, pytest.raises(Damage, match="instead of"):
        sealed.read(0, sealed.size)
