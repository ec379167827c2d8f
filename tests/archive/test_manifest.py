"""Manifests: only what somebody can have sealed is one."""

import msgspec
import pytest

from guard.archive.manifest import FORM, Frame, manifest_of, opened, unverified
from guard.archive.statement import compose, read
from guard.journal.folder import MANIFEST, segments
from guard.proof.note import NoteError
from tests.support.sealing import seal_all, signer, write_log


@pytest.fixture
def note(tmp_path):
    """The manifest of a segment of four records, as it is in its file."""
    write_log(tmp_path, [3, 2, 1])
    seal_all(tmp_path)
    return read(segments(tmp_path, "w1")[0].path(MANIFEST))


def test_a_manifest_opens_with_its_logs_key(note):
    """It comes back as it was signed; not with the key of another log, nor signed by another log's."""
    manifest = opened(note, [signer().verifier])
    assert (manifest.log, manifest.base, manifest.count, manifest.since, manifest.to) == ("w1", 0, 4, 1_000.0, 1_002.0)
    with pytest.raises(NoteError, match="no key that is trusted"):
        opened(note, [signer("w2").verifier])
    with pytest.raises(NoteError, match="manifest of w1, signed by node-3f2a/w2"):
        opened(manifest.sign(signer("w2")), [signer("w2").verifier])


def test_a_manifest_of_another_place_is_refused(tmp_path, note):
    """The file beside a segment must be about that segment."""
    other = segments(tmp_path, "w1")[1]
    other.path(MANIFEST).write_bytes(note)
    with pytest.raises(NoteError, match="manifest of w1/0"):
        manifest_of(other)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"count": 0, "range": ()}, "no records"),
        ({"base": -1}, "no range"),
        ({"count": 3}, "is covered by 2 subtrees, not 1"),
        ({"range": (b"short",)}, "has not 32 bytes"),
        ({"before": b""}, "a chain has not 32 bytes"),
        ({"sha256": "00"}, "no SHA-256"),
        ({"frames": ()}, "do not begin"),
        ({"frames": (Frame(1, 9, 0),)}, "do not begin"),
        ({"frames": (Frame(0, 9, 1),)}, "do not begin"),
        ({"left_out": -1}, "do not begin"),
        ({"plain": 10}, "not as long together"),
        ({"frames": (Frame(0, 2**40, 0),), "plain": 2**40}, "cannot have 1099511627776 bytes"),
        ({"frames": (Frame(0, 9, 0), Frame(9, -9, 2)), "plain": 0}, "cannot have -9 bytes"),
        ({"frames": (Frame(0, 9, 0), Frame(0, 9, 2)), "plain": 18}, "does not end before"),
        ({"frames": (Frame(0, 9, 0), Frame(9, 9, 0)), "plain": 18}, "does not end before"),
        ({"sealed": 10**6}, "does not end before"),
    ],
)
def test_what_nobody_can_have_sealed_is_refused(note, change, told):
    """Numbers that do not fit together, or would need endless memory, are an error also when they are signed."""
    manifest = msgspec.structs.replace(unverified(note), **change)
    with pytest.raises(NoteError, match=told):
        opened(signer().sign(compose(FORM, manifest)), [signer().verifier])


def test_the_frame_of_a_record_is_found(note):
    """A record is in the last frame that begins with it or before it."""
    frames = (Frame(0, 9, 0), Frame(9, 9, 2), Frame(18, 9, 3))
    manifest = msgspec.structs.replace(unverified(note), frames=frames, plain=27, sealed=30)
    assert [manifest.frame_of(seq) for seq in (0, 1, 2, 3, 9)] == [0, 0, 1, 2, 2]
    assert [manifest.bounds(number) for number in range(3)] == [(0, 9), (9, 18), (18, 30)]
