"""Sealing finished segments."""

import signal
import subprocess
import sys
from hashlib import sha256

import orjson
import pytest

from guard.archive.damage import Damage
from guard.archive.manifest import opened
from guard.archive.sealed import Sealed
from guard.archive.sealing import seal_next
from guard.archive.statement import read
from guard.journal.chain import BEGINNING, link
from guard.journal.folder import MANIFEST, PLAIN, SEALED, segments
from guard.proof.tree import Range, merge
from tests.support.journals import write_segment
from tests.support.sealing import marks, seal_all, signer, write_log

KEYS = [signer().verifier]


def contents(journal, log="w1"):
    """The plain bytes of each segment of a log that count."""
    found = []
    for segment in segments(journal, log):
        if segment.plain:  # it goes only when the sealed one is whole
            found.append(segment.path(PLAIN).read_bytes())
            continue
        with Sealed(segment) as sealed:
            found.append(b"".join(sealed.frames()))
    return found


def test_finished_segments_are_sealed_in_their_order(tmp_path):
    """All but the newest are sealed, hold what they held, and their manifests say what that is."""
    end = write_log(tmp_path, [3, 4, 5])
    before = contents(tmp_path)
    manifests = seal_all(tmp_path)
    assert contents(tmp_path) == before
    found = segments(tmp_path, "w1")
    kinds = [(one.plain, one.sealed, one.manifest) for one in found]
    assert kinds == [(False, True, True), (False, True, True), (True, False, False)]
    tree = Range(0, 0)
    for segment, manifest, plain in zip(found, manifests, before, strict=False):
        assert opened(read(segment.path(MANIFEST)), KEYS) == manifest
        data = segment.path(SEALED).read_bytes()
        assert (manifest.sealed, manifest.sha256) == (len(data), sha256(data).hexdigest())
        assert (manifest.plain, manifest.count) == (len(plain), plain.count(b"\n"))
        tree = merge(tree, manifest.leaves)
    assert (tree.end, manifests[-1].goes_on.seq) == (9, 9)
    assert manifests[1].before == manifests[0].after
    assert end.seq == 15
    assert found[0].path(SEALED).stat().st_mode & 0o777 == 0o600


def test_others_may_go_first_before_each_frame(tmp_path):
    """Sealing asks before each piece whether it has to wait."""
    write_log(tmp_path, [20, 1])
    waits = []
    manifest = seal_next(tmp_path, "w1", signer(), frame_bytes=500, wait=lambda: waits.append(1))
    assert manifest is not None
    assert len(waits) == len(manifest.frames) > 2


def test_nothing_to_seal_is_none(tmp_path):
    """A log that has one segment, or none, has nothing that is finished."""
    assert seal_next(tmp_path, "w1", signer()) is None
    write_log(tmp_path, [3])
    assert seal_next(tmp_path, "w1", signer()) is None


def test_records_without_a_time_give_no_times(tmp_path):
    """The range of times is that of the records which have one."""
    line, after = link(b'{"kind":"mark"}', BEGINNING)
    (tmp_path / "w1").mkdir()
    (tmp_path / "w1" / f"{0:016d}.jsonl").write_bytes(line)
    write_segment(tmp_path, [], after=after)
    (manifest,) = seal_all(tmp_path)
    assert (manifest.since, manifest.to) == (None, None)


@pytest.mark.parametrize("why", ["crash", "failure"])
def test_what_does_not_count_is_kept(tmp_path, why):
    """Torn bytes, and after a failure records that were written again, are in the file but no part of its content."""
    after = write_segment(tmp_path, marks(3), torn=b'{"seq":4,"torn')
    head = {"kind": "segment", "after": why, "torn": 14 if why == "crash" else 0}
    line, _ = link(orjson.dumps(head), after)
    (tmp_path / "w1" / f"{after.seq:016d}.jsonl").write_bytes(line)
    before = contents(tmp_path)[0]
    (manifest,) = seal_all(tmp_path)
    assert manifest.left_out == 14
    assert contents(tmp_path)[0] + b'{"seq":4,"torn' == before
    with Sealed(segments(tmp_path, "w1")[0]) as sealed:
        assert b"".join(sealed.left_out())[8:] == b'{"seq":4,"torn'


@pytest.mark.parametrize(
    ("change", "seq", "told"),
    [
        (lambda data: data.replace(b'"at":1001', b'"at":2001'), 2, "its chain"),
        (lambda data: data[: data.rindex(b"\n", 0, -1) + 1], 3, "the file ends"),
        (lambda data: data + b"more", 4, "4 bytes stand behind the last record"),
        (lambda _: b"", 0, "the file ends, but record 0 and those up to 3"),
    ],
)
def test_a_damaged_segment_is_not_sealed(tmp_path, change, seq, told):
    """The first bad record is named, and the file stays as it is."""
    write_log(tmp_path, [3, 3])
    path = segments(tmp_path, "w1")[0].path(PLAIN)
    path.write_bytes(change(path.read_bytes()))
    damaged = path.read_bytes()
    with pytest.raises(Damage, match=told) as damage:
        seal_all(tmp_path)
    assert damage.value.problem.seq == seq
    assert path.read_bytes() == damaged
    assert not segments(tmp_path, "w1")[0].sealed


@pytest.mark.parametrize(
    ("record", "time"),
    [
        (b'{"kind":"change","at":1753000000.1234567,"actor":"a"}', 1753000000.1234567),
        (b'{"kind":"prompt","id":"a","at":17}', 17.0),
        (b'{"kind":"prompt","id":"a","at":-1.5,"prompt":["\\",\\"at\\":3"]}', -1.5),
        (b'{"kind":"outcome","id":"a","end":"complete","at":7.0}', None),
        (b'{"kind":"prompt","id":"a","at":1e999}', None),
        (b'{"kind":"prompt","id":"a","at":"7"}', None),
        (b"{oops}", None),
    ],
)
def test_the_time_of_a_record_is_what_it_begins_with(tmp_path, record, time):
    """A time counts only where the guard writes it, before all that others say."""
    line, after = link(record, BEGINNING)
    (tmp_path / "w1").mkdir()
    (tmp_path / "w1" / f"{0:016d}.jsonl").write_bytes(line)
    write_segment(tmp_path, [], after=after)
    (manifest,) = seal_all(tmp_path)
    assert (manifest.since, manifest.to) == (time, time)


def test_a_gap_and_a_lost_manifest_stop_sealing(tmp_path):
    """What follows something missing cannot be verified, and stays as it is."""
    write_log(tmp_path, [3, 3, 3, 3])
    seal_next(tmp_path, "w1", signer())
    first, second, *_ = segments(tmp_path, "w1")
    kept = first.path(MANIFEST).read_bytes()
    first.path(MANIFEST).unlink()
    with pytest.raises(Damage, match="there is no manifest"):
        seal_all(tmp_path)
    first.path(MANIFEST).write_bytes(kept.replace(b"w1", b"w2", 1))
    with pytest.raises(Damage, match=r"w1/0: w1/0000000000000000\.manifest: "):
        seal_all(tmp_path)
    first.path(MANIFEST).write_bytes(kept)
    second.path(PLAIN).unlink()
    with pytest.raises(Damage, match="records 4 to 7 are missing"):
        seal_all(tmp_path)
    first.path(MANIFEST).unlink()
    first.path(SEALED).unlink()
    with pytest.raises(Damage, match="w1/8: the segments before"):
        seal_all(tmp_path)


def test_what_was_sealed_is_not_sealed_as_something_else(tmp_path):
    """Another plain file beside a manifest, however well it is chained, does not take the sealed one's place."""
    write_log(tmp_path, [3, 3])
    path = segments(tmp_path, "w1")[0].path(PLAIN)
    seal_all(tmp_path)
    sealed = path.with_suffix(".jsonl.zst").read_bytes()
    write_segment(tmp_path / "forged", marks(3, start=7))
    path.write_bytes((tmp_path / "forged" / "w1" / path.name).read_bytes())
    with pytest.raises(Damage, match="not the records that were sealed"):
        seal_all(tmp_path)
    assert path.with_suffix(".jsonl.zst").read_bytes() == sealed


SCRIPT = """
import os, signal, sys
from pathlib import Path
from tests.support.sealing import seal_all

left = int(sys.argv[2])

def step(event, arguments):
    global left
    if event in ("open", "os.rename", "os.remove", "os.chmod") and sys.argv[1] in str(arguments[0]):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(step)
seal_all(Path(sys.argv[1]))
"""


def test_killed_at_any_step_nothing_is_lost(tmp_path):
    """A kill before any change to the folder leaves each segment whole, plain or sealed, and a rerun finishes."""
    steps = 0
    while True:
        steps += 1
        journal = tmp_path / f"{steps}"
        write_log(journal, [3, 3])
        before = contents(journal)
        ended = subprocess.run([sys.executable, "-c", SCRIPT, str(journal), str(steps)], check=False)
        assert contents(journal) == before
        seal_all(journal)
        assert contents(journal) == before
        assert sorted(entry.name for entry in (journal / "w1").iterdir()) == [
            "0000000000000000.jsonl.zst", "0000000000000000.manifest", "0000000000000004.jsonl",
        ]  # fmt: skip
        if ended.returncode == 0:
            break
        assert ended.returncode == -signal.SIGKILL
    assert steps > 8
