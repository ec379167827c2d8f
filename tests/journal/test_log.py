"""A log while it is written, over segments, failures and restarts."""

import asyncio
import errno
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from time import monotonic

import orjson
import pytest

from guard.journal import disk, log
from guard.journal import segment as segments
from guard.journal.segment import Segment
from tests.support.journaling import PATIENCE, fail_with, fate, files, future, ignore, journaling, kinds, record, until
from tests.support.journals import lines, records

OPEN_FILES = Path("/proc/self/fd")
RETRY = 0.2


@pytest.fixture
def quick(monkeypatch):
    """After a failure a new file is tried soon."""
    monkeypatch.setattr(log, "RETRY_SECONDS", RETRY)


async def test_a_segment_says_who_writes_it(tmp_path):
    """Its first record names the node, the process, the program and why it was begun; files are for the owner only."""
    folder = tmp_path / "a" / "journal"
    for line in ("one", "two"):
        with journaling(folder) as journal:
            assert await fate(journal, line) == (True, True)
    first, second = (one for one in records(folder) if one["kind"] == "segment")
    assert (first["node"], first["log"], first["pid"]) == ("here", "w1", os.getpid())
    assert (first["after"], second["after"]) == ("start", "start")
    assert lines(folder) == ["one", "two"]
    assert folder.stat().st_mode & 0o777 == (folder / "w1").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in files(folder)} == {0o600}


async def test_a_new_policy_is_in_the_log(tmp_path):
    """What the guard was told to do is written where it changed, and at the head of segments from then on."""
    with journaling(tmp_path, segment_bytes=100) as journal:
        journal.describe({"node": "here", "policy": 2})
        assert await fate(journal, "one") == (True, True)
        assert await fate(journal, "two") == (True, True)
    assert [one["policy"] for one in records(tmp_path) if "policy" in one][:2] == [2, 2]
    assert kinds(tmp_path)[:3] == ["segment", "policy", "test"] or kinds(tmp_path)[1] == "segment"


async def test_marks_say_what_is_on_disk(tmp_path, monkeypatch):
    """Some time after records became durable a mark says up to which; no mark follows a mark."""
    monkeypatch.setattr(log, "MARK_SECONDS", 0.01)
    with journaling(tmp_path) as journal:
        assert await fate(journal, "one") == (True, True)
        await until(lambda: kinds(tmp_path) == ["segment", "test", "mark"])
        assert records(tmp_path)[2]["durable"] == 1
        await asyncio.sleep(0.1)
        assert kinds(tmp_path) == ["segment", "test", "mark"]
        assert await fate(journal, "two") == (True, True)
        await until(lambda: kinds(tmp_path)[3:] == ["test", "mark"])


async def test_segments_end_by_size_and_age(tmp_path):
    """A segment that is large or old enough is followed by another, and nothing waits for that."""
    with journaling(tmp_path / "size", segment_bytes=1_000) as journal:
        for number in range(20):
            assert await fate(journal, [number, "x" * 100]) == (True, True)
    assert 3 <= len(files(tmp_path / "size")) <= 5
    assert {one["after"] for one in records(tmp_path / "size") if one["kind"] == "segment"} == {"start", "rotation"}
    with journaling(tmp_path / "age", segment_age=0.05) as journal:
        assert await fate(journal, 1) == (True, True)
        await until(lambda: len(files(tmp_path / "age")) == 2)
        assert await fate(journal, 2) == (True, True)
        assert len(files(tmp_path / "age")) == 2


@pytest.mark.usefixtures("quick")
async def test_what_a_failed_file_has_does_not_count(tmp_path):
    """Records that reached a file whose sync then failed are read from the next segment only."""
    with journaling(tmp_path) as journal:
        (path,) = files(tmp_path)
        assert await fate(journal, "before") == (True, True)
        shadow = path.read_bytes()
        fail_with(journal, "/dev/null")
        assert await fate(journal, "failed") == (True, False)
        # As a kernel may leave it: the bytes are there all the same.
        journal_line = orjson.dumps({"seq": 2, "kind": "test", "line": "failed", "chain": "x" * 44})
        path.write_bytes(shadow + journal_line + b"\n" + b"and the beginning of ano")
        await until(journal.ready)
        assert await fate(journal, "after") == (True, True)
    assert lines(tmp_path) == ["before", "failed", "after"]


@pytest.mark.usefixtures("quick")
async def test_a_folder_that_is_gone_and_comes_back(tmp_path):
    """While no file can be made nothing is written; once one can, the journal goes on by itself, with all of it."""
    with journaling(tmp_path) as journal:
        fail_with(journal, "/dev/full")
        (tmp_path / "w1").rename(tmp_path / "away")
        assert await fate(journal, "failed") == (False, False)
        life = journal.log._life
        await until(lambda: journal.log._life >= life + 2)
        assert not journal.ready()
        (tmp_path / "away").rename(tmp_path / "w1")
        await until(journal.ready)
        assert await fate(journal, "found") == (True, True)
    assert lines(tmp_path) == ["failed", "found"]


@pytest.mark.usefixtures("quick")
async def test_a_file_that_somebody_deletes(tmp_path, monkeypatch, caplog):
    """It is noticed soon, and what comes then is in another file; what was in it is gone, and counted as missing."""
    monkeypatch.setattr(disk, "LOOK_SECONDS", 0.02)
    with journaling(tmp_path) as journal:
        assert await fate(journal, "gone") == (True, True)
        files(tmp_path)[0].unlink()
        await until(lambda: not journal.ready())
        await until(journal.ready)
        assert "somebody has deleted it" in caplog.text
        assert await fate(journal, "after") == (True, True)
    assert [path.name for path in files(tmp_path)] == ["0000000000000002.jsonl"]
    assert b'"after"' in files(tmp_path)[0].read_bytes()


async def test_failures_leak_nothing(tmp_path, monkeypatch):
    """After many failures there are as many threads and open files as before, and every record is there once."""
    monkeypatch.setattr(log, "RETRY_SECONDS", 0.0)
    with journaling(tmp_path) as journal:
        assert await fate(journal, 0) == (True, True)
        threads, descriptors = threading.active_count(), len(list(OPEN_FILES.iterdir()))
        for number in range(1, 41):
            fail_with(journal, ("/dev/full", "/dev/null")[number % 2])
            assert (await fate(journal, number))[1] is False
            await until(journal.ready)
            await until(lambda: journal.log._pending_bytes == 0)
        assert threading.active_count() == threads
        assert len(list(OPEN_FILES.iterdir())) == descriptors
    assert lines(tmp_path) == list(range(41))


def fail_once(monkeypatch, target: object, name: str) -> None:
    """The next call of something fails, and those after it do not."""
    real = getattr(target, name)

    def fail(*_: object) -> None:
        monkeypatch.setattr(target, name, real)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(target, name, fail)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("target", "name"),
    [(Segment, "write"), (Segment, "sync"), (segments, "write_all"), (segments, "sync_folder"), (os, "link")],
)
async def test_a_failure_while_a_segment_is_begun(tmp_path, monkeypatch, target, name):
    """Whatever fails at a rotation, or with the first records behind it, the log goes on by itself, with all of it."""
    with journaling(tmp_path, segment_bytes=400) as journal:
        assert await fate(journal, "x" * 300) == (True, True)
        fail_once(monkeypatch, target, name)
        assert (await fate(journal, "failed"))[1] is False
        await until(journal.ready)
        assert await fate(journal, "after") == (True, True)
    assert lines(tmp_path) == ["x" * 300, "failed", "after"]
    assert len(list(tmp_path.glob("w1/*"))) == len(files(tmp_path))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("target", "name"), [(segments, "write_all"), (segments, "sync_folder"), (os, "link")])
async def test_a_disk_that_is_full_at_the_start(tmp_path, monkeypatch, target, name):
    """A worker that cannot write at first refuses, and goes on when it can; it tells what was torn."""
    with journaling(tmp_path) as journal:
        assert await fate(journal, "before") == (True, True)
    with files(tmp_path)[0].open("ab") as file:
        file.write(b"torn")
    fail_once(monkeypatch, target, name)
    with journaling(tmp_path) as journal:
        assert not journal.ready()
        assert await fate(journal, "kept") == (False, False)
        await until(journal.ready)
        assert await fate(journal, "after") == (True, True)
    assert lines(tmp_path) == ["before", "kept", "after"]
    assert [one["torn"] for one in records(tmp_path) if one["kind"] == "segment"][:2] == [0, 4]


async def test_a_disk_that_stays_full(tmp_path, monkeypatch, caplog):
    """A journal that never could be written is closed as quickly as any."""
    monkeypatch.setattr(os, "link", lambda *_: os.open("/dev/full/no", 0))
    with journaling(tmp_path) as journal:
        assert await fate(journal, "lost") == (False, False)
    assert files(tmp_path) == []
    assert "1 records could not be written" in caplog.text


async def test_durable_before_forward(tmp_path):
    """With `before_forward` what waits for the write waits for the disk."""
    with journaling(tmp_path, durability="before_forward") as journal:
        then, durable = future(), future()
        batch = journal.add(record("one"), then.set_result)
        batch.when_durable(durable.set_result)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert lines(tmp_path) == ["one"]
        assert not then.done()
        await asyncio.wait_for(durable, PATIENCE)
        assert then.result() is True


async def test_durable_in_intervals(tmp_path):
    """With `interval` nobody waits for the disk, and it is synced so often only."""
    with journaling(tmp_path, durability="interval", interval=0.05) as journal:
        before = journal.log.durable
        assert await fate(journal, "one") == (True, True)
        assert journal.log.durable == before
        await until(lambda: journal.log.durable != before)


async def test_an_interval_keeps_nobody_waiting(tmp_path):
    """A rotation, a large record and the end do not wait for the interval to be over, and memory is bounded in it."""
    began = monotonic()
    with journaling(tmp_path, durability="interval", interval=60, segment_bytes=2_000, buffer_bytes=9_000) as journal:
        for line in ("x" * 3_000, "y" * 3_000, "z" * 2_000_000):
            assert await fate(journal, line) == (True, True)
        assert len(files(tmp_path)) == 3
        await until(lambda: journal.log._pending_bytes == 0)
        for number in range(20):
            assert await fate(journal, [number, "x" * 1_000]) == (True, True)
        await until(lambda: journal.log._pending_bytes < 9_000)
    assert monotonic() - began < 2 * PATIENCE


async def test_a_disk_that_hangs_does_not_keep_the_process(tmp_path, monkeypatch, caplog):
    """Closing ends in bounded time, says what may be lost, and lets nobody else write the log meanwhile."""
    gate, sync = threading.Event(), Segment.sync
    monkeypatch.setattr(log, "CLOSE_SECONDS", 0.05)
    with journaling(tmp_path) as journal:
        monkeypatch.setattr(Segment, "sync", lambda segment: gate.wait(PATIENCE) and sync(segment))
        journal.add(record("one"), ignore)
        await until(lambda: journal.log._disk.syncing_since)
        journal.close()
        assert "may not be on it" in caplog.text
        with journaling(tmp_path) as other:
            assert other.log.slot.log == "w2"
            gate.set()
    journal.log._disk._thread.join(PATIENCE)
    journal.log.slot.close()
    assert lines(tmp_path) == ["one"]


async def test_a_slow_disk_fills_the_buffer_and_not_the_memory(tmp_path, monkeypatch):
    """While a sync takes long the thread writes; what is over the buffer makes the journal full, for a while."""
    gate = threading.Event()
    sync = Segment.sync

    def slowly(segment) -> None:
        gate.wait(PATIENCE)
        sync(segment)

    monkeypatch.setattr(Segment, "sync", slowly)
    monkeypatch.setattr(log, "SLOW_SECONDS", 0.01)
    with journaling(tmp_path, buffer_bytes=10_000) as journal:
        told = []
        journal.on_full, journal.on_room = lambda: told.append("full"), lambda: told.append("room")
        first = future()
        journal.add(record("first"), ignore).when_durable(first.set_result)
        await until(lambda: journal.log._disk.syncing_since and monotonic() - journal.log._disk.syncing_since > 0.01)
        size = files(tmp_path)[0].stat().st_size
        for number in range(200):
            journal.add(record(["x" * 100, number]), ignore)
            await asyncio.sleep(0)
        assert journal.full
        assert told == ["full"]
        assert files(tmp_path)[0].stat().st_size == size
        gate.set()
        await until(lambda: not journal.full)
        assert told == ["full", "room"]
        assert await fate(journal, "last") == (True, True)
    assert [line[1] for line in lines(tmp_path)[1:-1]] == list(range(200))


FULL = """
import asyncio, json, resource, sys
from pathlib import Path
from guard import config
from guard.journal import log
from guard.journal.segment import Segment
from guard.journal.slot import claim
from guard.journal.writer import Journal

log.RETRY_SECONDS = 0.05

async def main():
    journal = Journal(claim(Path(sys.argv[1])), config.Journal(), asyncio.get_running_loop(), {})
    # From here on no file can grow beyond this: the write that crosses it is cut short, the next one fails.
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_500, resource.RLIM_INFINITY))
    fates = []
    for number in range(12):
        while not journal.ready():
            await asyncio.sleep(0.001)
        future = asyncio.get_running_loop().create_future()
        record = b'{"kind":"test","line":%d,"more":"%b"}' % (number, b"x" * 350)
        journal.add(record, lambda ok: None).when_durable(future.set_result)
        fates.append(await asyncio.wait_for(future, 5))
    while not journal.ready() or journal.log._pending_bytes:
        await asyncio.sleep(0.001)
    journal.close()
    print(json.dumps(fates))

asyncio.run(main())
"""


def test_a_full_disk(tmp_path):
    """On a disk that fills up again and again every record is whole in some file at last."""
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, check=True, timeout=30)
    fates = json.loads(done.stdout)
    assert set(fates) == {True, False}
    assert lines(tmp_path) == list(range(12))
    assert all(path.stat().st_size <= 1_500 for path in files(tmp_path))


KILLED = """
import asyncio, os, sys
from pathlib import Path
from guard import config
from guard.journal.segment import Segment
from guard.journal.slot import claim
from guard.journal.writer import Journal

async def main():
    settings = config.Journal(segment_bytes=2_000)
    journal = Journal(claim(Path(sys.argv[1])), settings, asyncio.get_running_loop(), {})
    number = int(sys.argv[2])
    def acknowledge(last):
        os.write(1, b"%d\\n" % last)
    while True:
        record = b'{"kind":"test","line":%d}' % number
        journal.add(record, lambda ok: None).when_durable(lambda ok, last=number: acknowledge(last))
        number += 1
        await asyncio.sleep(0)

asyncio.run(main())
"""


def test_a_killed_worker_has_kept_its_word(tmp_path):
    """After kills in the midst of the work, rotations included, the log has every record that was acknowledged."""
    next_ = 0
    for _ in range(3):
        command = [sys.executable, "-c", KILLED, str(tmp_path), str(next_)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert child.stdout is not None
        for _ in range(300):
            child.stdout.readline()
        child.kill()
        acknowledged = [int(line) for line in child.stdout.read().splitlines(keepends=True) if line.endswith(b"\n")]
        child.stdout.close()
        child.wait(PATIENCE)
        assert lines(tmp_path) == list(range(len(lines(tmp_path))))
        assert len(lines(tmp_path)) > max(acknowledged, default=next_ + 299)
        next_ = len(lines(tmp_path))


async def test_two_writers_have_two_logs(tmp_path):
    """A log has one writer at a time; who comes second takes the next log, and a free one is gone on with."""
    with journaling(tmp_path) as first:
        with journaling(tmp_path) as second:
            assert (first.log.slot.log, second.log.slot.log) == ("w1", "w2")
            assert await fate(second, "two") == (True, True)
        assert await fate(first, "one") == (True, True)
        with journaling(tmp_path) as third:
            assert third.log.slot.log == "w2"
            assert await fate(third, "three") == (True, True)
    assert lines(tmp_path, "w2") == ["two", "three"]
