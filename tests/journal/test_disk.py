"""The thread between a journal and its disk takes what it is given in order."""

import os
from queue import SimpleQueue

from guard.journal.batch import Batch
from guard.journal.chain import BEGINNING
from guard.journal.disk import Disk, Opening, Report, free_bytes
from guard.journal.segment import Segment

PATIENCE = 5.0


def batch(data: bytes) -> Batch:
    """Lines that are not written yet."""
    one = Batch()
    one.data = data
    one.unwritten = True
    return one


def running(folder):
    """A disk, and its reports but for those on room."""
    reports: SimpleQueue[Report] = SimpleQueue()

    def report(one) -> None:
        if one.free is None:
            reports.put(one)

    return Disk(folder, Segment(folder, 0, b"head 0\n"), report, 0.0), reports


def test_it_writes_syncs_and_begins_segments_in_order(tmp_path):
    """What comes behind the wish for a segment is in that one."""
    disk, reports = running(tmp_path)
    first, second = batch(b"first\n"), batch(b"second\n")
    for work in (first, Opening(2, b"head 2\n", BEGINNING, 0), second):
        disk.put(work)
    seen: list[str] = []
    while not seen or seen[-1] != "durable second":
        report = reports.get(timeout=PATIENCE)
        seen += [f"written {'first' if one is first else 'second'}" for one in report.written]
        seen += [f"durable {'first' if one is first else 'second'}" for one in report.durable]
        seen += ["opened"] if report.opened else []
    segment = disk.close(PATIENCE)
    assert segment is not None
    segment.close()
    assert seen == ["written first", "durable first", "opened", "written second", "durable second"]
    assert (tmp_path / "0000000000000000.jsonl").read_bytes() == b"head 0\nfirst\n"
    assert (tmp_path / "0000000000000002.jsonl").read_bytes() == b"head 2\nsecond\n"


def test_nothing_is_done_with_a_file_that_failed(tmp_path):
    """One failure is told; what comes after it is left alone until a new beginning is asked for."""
    disk, reports = running(tmp_path)
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, disk._segment.fd)
    os.close(full)
    late = batch(b"late\n")
    for work in (batch(b"lost\n"), late, Opening(5, b"of the same life\n", BEGINNING, 0)):
        disk.put(work)
    assert reports.get(timeout=PATIENCE).error is not None
    disk.put(Opening(1, b"head 1\n", BEGINNING, 1))
    disk.put(batch(b"again\n"))
    report = reports.get(timeout=PATIENCE)
    assert (report.life, report.opened.path.name) == (1, "0000000000000001.jsonl")
    assert len(reports.get(timeout=PATIENCE).written) == 1
    assert len(reports.get(timeout=PATIENCE).durable) == 1
    segment = disk.close(PATIENCE)
    assert segment is not None
    segment.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0000000000000000.jsonl", "0000000000000001.jsonl"]
    assert (tmp_path / "0000000000000001.jsonl").read_bytes() == b"head 1\nagain\n"


def test_a_segment_that_cannot_be_begun(tmp_path):
    """It is told, and the disk ends without a file."""
    disk, reports = running(tmp_path)
    disk.put(Opening(0, b"a name that is taken\n", BEGINNING, 0))
    assert isinstance(reports.get(timeout=PATIENCE).error, FileExistsError)
    assert disk.close(PATIENCE) is None


def test_room_is_counted(tmp_path):
    """What a user may still write."""
    assert 0 < free_bytes(tmp_path) <= os.statvfs(tmp_path).f_bfree * os.statvfs(tmp_path).f_frsize
