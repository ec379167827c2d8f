import asyncio
import json
import logging
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import orjson
import pytest

from guard import config
from guard.journal import writer
from guard.journal.batch import Batch
from guard.journal.segment import Segment
from guard.journal.slot import claim
from guard.journal.writer import Journal
from tests.support.journals import lines, records

PATIENCE = 5.0
RETRY = 0.2
OPEN_FILES = Path("/proc/self/fd")


@contextmanager
def journaling(folder: Path, **settings):
    """A journal in the running loop."""
    journal = Journal(claim(folder), config.Journal(**settings), asyncio.get_running_loop(), {"node": "here"})
    try:
        yield journal
    finally:
        journal.close()


@pytest.fixture
def quick(monkeypatch):
    """After a failure a new file is tried soon."""
    monkeypatch.setattr(writer, "RETRY_SECONDS", RETRY)


def record(line: object) -> bytes:
    """A record that a test writes."""
    return orjson.dumps({"kind": "test", "line": line})


def kinds(folder: Path) -> list[str]:
    """The kinds of all records in their order."""
    return [one["kind"] for one in records(folder)]


def files(folder: Path) -> list[Path]:
    """The segments' files."""
    return sorted((folder / "w1").glob("*.jsonl"))


def future() -> asyncio.Future[bool]:
    """Something to wait for."""
    return asyncio.get_running_loop().create_future()


async def fate(journal: Journal, line: object) -> tuple[bool, bool]:
    """Add a record; whether it was written, and whether it became durable."""
    then, durable = future(), future()
    journal.add(record(line), then.set_result).when_durable(durable.set_result)
    return await asyncio.wait_for(then, PATIENCE), await asyncio.wait_for(durable, PATIENCE)


async def until(condition):
    """Let the loop turn until something is so."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.001)


def ignore(_: bool) -> None:
    """Nobody waits."""


def fail_with(journal: Journal, device: str) -> None:
    """Put a device in the place of the journal's open file: /dev/full cannot be written, /dev/null not be synced."""
    descriptor = os.open(device, os.O_WRONLY)
    os.dup2(descriptor, journal._segment.fd)
    os.close(descriptor)


async def test_a_record_is_written_and_then_durable(tmp_path):
    """What waits for the write runs when the line is in the file, and before what waits for the disk."""
    with journaling(tmp_path) as journal:
        events = []
        done = asyncio.Event()

        def then(ok: bool) -> None:
            events.append(("written", ok, lines(tmp_path)))

        def durable(ok: bool) -> None:
            events.append(("durable", ok, lines(tmp_path)))
            done.set()

        batch = journal.add(record("one"), then)
        batch.when_durable(durable)
        assert events == []
        assert lines(tmp_path) == []
        await asyncio.wait_for(done.wait(), PATIENCE)
        assert events == [("written", True, ["one"]), ("durable", True, ["one"])]
        late: list[bool] = []
        batch.when_durable(late.append)
        assert late == [True]


async def test_one_write_for_each_turn_of_the_loop(tmp_path):
    """Records of one turn are one batch, in the order they were added; those of the next are another."""
    with journaling(tmp_path) as journal:
        order = []
        first = [journal.add(record(number), lambda _, number=number: order.append(number)) for number in range(5)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        second = journal.add(record(5), lambda _: order.append(5))
        assert len(set(map(id, first))) == 1
        assert second is not first[0]
        done = future()
        second.when_durable(done.set_result)
        assert await asyncio.wait_for(done, PATIENCE)
        assert order == list(range(6))
        assert lines(tmp_path) == list(range(6))


async def test_what_is_added_while_telling_is_another_batch(tmp_path):
    """An action that adds a record is not told of its own record at once."""
    with journaling(tmp_path) as journal:
        chained, batches = future(), []

        def again(_: bool) -> None:
            batches.append(journal.add(record("second"), chained.set_result))
            assert not chained.done()

        batches.append(journal.add(record("first"), again))
        assert await asyncio.wait_for(chained, PATIENCE)
        assert batches[0] is not batches[1]
        assert lines(tmp_path) == ["first", "second"]


async def test_what_nobody_waits_for_comes_along(tmp_path):
    """A lazy record is written with the next, in order, or by itself a little later."""
    with journaling(tmp_path) as journal:
        journal.add_lazily(record("lazy"))
        await asyncio.sleep(0)
        assert lines(tmp_path) == []
        assert await fate(journal, "next") == (True, True)
        assert lines(tmp_path) == ["lazy", "next"]
        journal.add_lazily(record("alone"))
        await until(lambda: len(lines(tmp_path)) == 3)
        assert lines(tmp_path)[2] == "alone"


async def test_thousands_of_records_keep_their_order(tmp_path):
    """Records of many tasks over many turns and segments are all there, each task's in its order, and all durable."""
    with journaling(tmp_path, segment_bytes=100_000) as journal:
        durable: list[bool] = []

        async def task(name: int) -> None:
            for number in range(250):
                journal.add(record([name, number]), ignore).when_durable(durable.append)
                if number % (name + 2) == 0:
                    await asyncio.sleep(0)

        await asyncio.gather(*(task(name) for name in range(20)))
        assert await fate(journal, "end") == (True, True)
        assert durable == [True] * 5_000
    found = lines(tmp_path)
    assert found.pop() == "end"
    for name in range(20):
        assert [line for line in found if line[0] == name] == [[name, number] for number in range(250)]
    assert len(files(tmp_path)) > 3


async def test_large_records_are_whole(tmp_path):
    """A record of many megabytes is one line, and the loop does not write it."""
    with journaling(tmp_path) as journal:
        assert await fate(journal, "x" * 30_000_000) == (True, True)
        assert lines(tmp_path) == ["x" * 30_000_000]
        assert await fate(journal, "y") == (True, True)


async def test_closing_puts_everything_on_disk(tmp_path):
    """`close` writes what was added in this turn too, says so, and ends the thread; what waited is told afterwards."""
    journal = Journal(claim(tmp_path), config.Journal(), asyncio.get_running_loop(), {})
    threads = threading.active_count()
    then, durable = future(), future()
    journal.add(record("one"), then.set_result).when_durable(durable.set_result)
    journal.add_lazily(record("two"))
    journal.close()
    assert lines(tmp_path) == ["one", "two"]
    assert records(tmp_path)[-1]["durable"] == 2
    assert then.result() is True
    assert await asyncio.wait_for(durable, PATIENCE)
    assert threading.active_count() == threads - 1


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
    monkeypatch.setattr(writer, "MARK_SECONDS", 0.01)
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
        await asyncio.sleep(0.06)
        assert await fate(journal, 2) == (True, True)
    assert len(files(tmp_path / "age")) == 2


async def test_a_folder_that_cannot_be_used(tmp_path):
    """A journal without a place to write does not start."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        claim(tmp_path / "file")


@pytest.mark.usefixtures("quick")
async def test_a_write_that_fails(tmp_path, caplog):
    """When the disk is full all who wait are told, the file is given up, and the record is in a new one later."""
    with journaling(tmp_path) as journal:
        assert await fate(journal, "before") == (True, True)
        fail_with(journal, "/dev/full")
        began = monotonic()
        assert await fate(journal, "failed") == (False, False)
        assert not journal.healthy
        assert not journal.ready()
        assert "the journal cannot be written" in caplog.text
        assert await fate(journal, "too early") == (False, False)
        assert len(files(tmp_path)) == 1
        await until(journal.ready)
        assert monotonic() - began >= RETRY
        assert await fate(journal, "after") == (True, True)
    assert lines(tmp_path) == ["before", "failed", "too early", "after"]
    assert [one["after"] for one in records(tmp_path) if one["kind"] == "segment"] == ["start", "failure"]


@pytest.mark.usefixtures("quick")
async def test_all_of_a_failed_batch_are_told(tmp_path):
    """Each record of the turn in which the write failed has failed, also for those who ask later."""
    with journaling(tmp_path) as journal:
        told = []
        fail_with(journal, "/dev/full")
        for number in range(10):
            batch = journal.add(record(number), lambda ok: told.append(("written", ok)))
            batch.when_durable(lambda ok: told.append(("durable", ok)))
        await fate(journal, "x")
        assert sorted(set(told)) == [("durable", False), ("written", False)]
        assert len(told) == 20
        late: list[bool] = []
        batch.when_durable(late.append)
        assert late == [False]


@pytest.mark.usefixtures("quick")
async def test_a_sync_that_fails(tmp_path):
    """A record that was written and cannot be synced is not durable; it is written again, and its file never."""
    with journaling(tmp_path) as journal:
        (path,) = files(tmp_path)
        size = path.stat().st_size
        fail_with(journal, "/dev/null")
        assert await fate(journal, "failed") == (True, False)
        assert not journal.healthy
        await until(journal.ready)
        assert await fate(journal, "after") == (True, True)
        assert path.stat().st_size == size
    assert lines(tmp_path) == ["failed", "after"]


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
        life = journal._life
        await until(lambda: journal._life >= life + 2)
        assert not journal.ready()
        (tmp_path / "away").rename(tmp_path / "w1")
        await until(journal.ready)
        assert await fate(journal, "found") == (True, True)
    assert lines(tmp_path) == ["failed", "found"]


async def test_failures_leak_nothing(tmp_path, monkeypatch):
    """After many failures there are as many threads and open files as before, and every record is there once."""
    monkeypatch.setattr(writer, "RETRY_SECONDS", 0.0)
    with journaling(tmp_path) as journal:
        assert await fate(journal, 0) == (True, True)
        threads, descriptors = threading.active_count(), len(list(OPEN_FILES.iterdir()))
        for number in range(1, 41):
            fail_with(journal, ("/dev/full", "/dev/null")[number % 2])
            assert (await fate(journal, number))[1] is False
            await until(journal.ready)
            await until(lambda: journal._pending_bytes == 0)
        assert threading.active_count() == threads
        assert len(list(OPEN_FILES.iterdir())) == descriptors
    assert lines(tmp_path) == list(range(41))


async def test_what_is_kept_is_bounded(tmp_path, monkeypatch):
    """While nothing can be written only so much is kept; the rest is counted, and the count is in the log."""
    monkeypatch.setattr(writer, "RETRY_SECONDS", 0.05)
    with journaling(tmp_path, buffer_bytes=1_000) as journal:
        fail_with(journal, "/dev/full")
        for number in range(20):
            journal.add_lazily(record([number, "x" * 100]))
        assert await fate(journal, "last") == (False, False)
        await until(journal.ready)
        assert await fate(journal, "after") == (True, True)
    kept = [line[0] for line in lines(tmp_path) if isinstance(line, list)]
    (lost,) = (one["records"] for one in records(tmp_path) if one["kind"] == "lost")
    assert kept == list(range(len(kept)))
    assert len(kept) + lines(tmp_path).count("last") + lost == 20 + 1
    assert 5 < len(kept) < 10


async def test_where_evidence_may_be_missing_all_goes_on(tmp_path):
    """With `on_failure: pass` nobody is told of a failure but the log."""
    with journaling(tmp_path, on_failure="pass") as journal:
        fail_with(journal, "/dev/full")
        assert await fate(journal, "kept") == (True, True)
        assert not journal.healthy
        assert journal.ready()
        assert not journal.writing


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
        before = journal._durable
        assert await fate(journal, "one") == (True, True)
        assert journal._durable == before
        await until(lambda: journal._durable != before)


async def test_a_slow_disk_fills_the_buffer_and_not_the_memory(tmp_path, monkeypatch):
    """While a sync takes long the thread writes; what is over the buffer makes the journal full, for a while."""
    gate = threading.Event()
    sync = Segment.sync

    def slowly(segment) -> None:
        gate.wait(PATIENCE)
        sync(segment)

    monkeypatch.setattr(Segment, "sync", slowly)
    monkeypatch.setattr(writer, "SLOW_SECONDS", 0.01)
    with journaling(tmp_path, buffer_bytes=10_000) as journal:
        told = []
        journal.on_full, journal.on_room = lambda: told.append("full"), lambda: told.append("room")
        first = future()
        journal.add(record("first"), ignore).when_durable(first.set_result)
        await until(lambda: journal._disk.syncing_since and monotonic() - journal._disk.syncing_since > 0.01)
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


async def test_too_little_room_is_seen_ahead_of_need(tmp_path, caplog):
    """Below the reserve nothing new is begun, though what was begun is written to its end."""
    with caplog.at_level(logging.WARNING), journaling(tmp_path, reserve_bytes=2**60) as journal:
        assert not journal.ready()
        assert await fate(journal, "the end of something") == (True, True)
    assert "requests are refused" in caplog.text
    with journaling(tmp_path / "pass", reserve_bytes=2**60, on_failure="pass") as journal:
        assert journal.ready()
        assert await fate(journal, "unseen") == (True, True)
        assert lines(tmp_path / "pass") == []
    with journaling(tmp_path / "shed", reserve_bytes=2**60, on_failure="shed_outputs") as journal:
        assert journal.shedding
        assert not journal.ready()


async def test_an_action_that_fails_stops_nobody_else(tmp_path, caplog):
    """An error in what waited for a record is logged, and everybody else is told."""
    with journaling(tmp_path) as journal:
        told: list[bool] = []

        def fail(_: bool) -> None:
            raise ZeroDivisionError

        batch = journal.add(record("one"), fail)
        journal.add(record("two"), told.append)
        batch.when_durable(fail)
        batch.when_durable(told.append)
        assert await fate(journal, "three") == (True, True)
        assert told == [True, True]
    assert [one.exc_info[0] for one in caplog.records if one.exc_info] == [ZeroDivisionError] * 2


def test_a_batch_has_one_fate():
    """What was told to have failed does not become durable afterwards."""
    batch = Batch()
    told: list[bool] = []
    batch.when_durable(told.append)
    batch.settle(durable=False)
    batch.settle(durable=True)
    batch.when_durable(told.append)
    assert told == [False, False]


FULL = """
import asyncio, json, resource, sys
from pathlib import Path
from guard import config
from guard.journal import writer
from guard.journal.segment import Segment
from guard.journal.slot import claim
from guard.journal.writer import Journal

writer.RETRY_SECONDS = 0.05

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
    while not journal.ready() or journal._pending_bytes:
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
            assert (first.slot.log, second.slot.log) == ("w1", "w2")
            assert await fate(second, "two") == (True, True)
        assert await fate(first, "one") == (True, True)
        with journaling(tmp_path) as third:
            assert third.slot.log == "w2"
            assert await fate(third, "three") == (True, True)
    assert lines(tmp_path, "w2") == ["two", "three"]
