import asyncio
import logging
import os
import threading
from functools import partial
from pathlib import Path
from time import monotonic

import pytest

from guard import config
from guard.journal import log
from guard.journal.batch import Batch
from guard.journal.slot import claim
from guard.journal.writer import Journal
from tests.support.journaling import PATIENCE, fail_with, fate, files, future, ignore, journaling, record, until
from tests.support.journals import lines, records

OPEN_FILES = Path("/proc/self/fd")
RETRY = 0.2


@pytest.fixture
def quick(monkeypatch):
    """After a failure a new file is tried soon."""
    monkeypatch.setattr(log, "RETRY_SECONDS", RETRY)


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
        order: list[int] = []

        def told(number: int, _: bool) -> None:
            order.append(number)

        first = [journal.add(record(number), partial(told, number)) for number in range(5)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        second = journal.add(record(5), partial(told, 5))
        assert len(set(map(id, first))) == 1
        assert second is not first[0]
        done = future()
        second.when_durable(done.set_result)
        assert await asyncio.wait_for(done, PATIENCE)
        assert order == list(range(6))
        assert lines(tmp_path) == list(range(6))


@pytest.mark.parametrize(("count", "together"), [(1, False), (2, True)])
async def test_several_wait_for_those_of_one_turn_more(tmp_path, count, together):
    """Where two came in a turn, what comes in the next is written with them; one alone is not made to wait."""
    with journaling(tmp_path) as journal:
        first = [journal.add(record(number), ignore) for number in range(count)]
        await asyncio.sleep(0)
        next_turn = journal.add(record(count), ignore)
        assert (next_turn is first[0]) is together
        done = future()
        next_turn.when_durable(done.set_result)
        assert await asyncio.wait_for(done, PATIENCE)
        assert lines(tmp_path) == list(range(count + 1))


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
        assert not journal.log.healthy
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
        assert not journal.log.healthy
        await until(journal.ready)
        assert await fate(journal, "after") == (True, True)
        assert path.stat().st_size == size
    assert lines(tmp_path) == ["failed", "after"]


async def test_what_is_kept_is_bounded(tmp_path, monkeypatch):
    """While nothing can be written only so much is kept; the rest is counted, and the count is in the log."""
    monkeypatch.setattr(log, "RETRY_SECONDS", 0.05)
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


@pytest.mark.usefixtures("quick")
async def test_what_was_kept_fails_again(tmp_path):
    """What came after what was kept is kept with it, and nothing more is written to the file that failed."""
    with journaling(tmp_path, on_failure="pass") as journal:
        journal.saw(0)
        assert await fate(journal, "kept") == (True, True)
        journal.saw(2**60)
        path = files(tmp_path)[0]
        size = path.stat().st_size
        fail_with(journal, "/dev/full")
        assert await fate(journal, "next") == (True, True)
        await until(lambda: journal.writing)
        assert await fate(journal, "after") == (True, True)
        assert path.stat().st_size == size
    assert lines(tmp_path) == ["kept", "next", "after"]


async def test_a_count_of_what_was_lost_is_not_lost(tmp_path, monkeypatch):
    """It is exact also when what was kept, as much as there is room for, fails a second time."""
    monkeypatch.setattr(log, "RETRY_SECONDS", 0.05)
    with journaling(tmp_path, buffer_bytes=100 * len(record(0))) as journal:
        fail_with(journal, "/dev/full")
        for _ in range(107):
            journal.add_lazily(record(0))
        assert await fate(journal, 0) == (False, False)
        assert journal.lost == 8
        (tmp_path / "w1").rename(tmp_path / "away")
        life = journal.log._life
        await until(lambda: journal.log._life > life)
        resumed = journal.resumed

        def fail_again() -> None:
            monkeypatch.setattr(journal, "resumed", resumed)
            fail_with(journal, "/dev/full")
            resumed()

        monkeypatch.setattr(journal, "resumed", fail_again)
        (tmp_path / "away").rename(tmp_path / "w1")
        await until(journal.ready)
        assert await fate(journal, "after") == (True, True)
    lost = sum(one["records"] for one in records(tmp_path) if one["kind"] == "lost")
    assert lines(tmp_path).count(0) + lost == 108


async def test_what_comes_after_the_end_is_not_written(tmp_path):
    """A record that is added to a closed journal goes to no file, whoever has its descriptor now."""
    with journaling(tmp_path) as journal:
        assert await fate(journal, "one") == (True, True)
        assert journal.log._segment is not None
        descriptor = journal.log._segment.fd
        journal.close()
        reader, writer = os.pipe()
        os.dup2(writer, descriptor)
        assert await fate(journal, "late") == (False, False)
        journal.add_lazily(record("later"))
        await asyncio.sleep(0.02)
        for one in {writer, descriptor}:
            os.close(one)
        assert os.read(reader, 1) == b""
        os.close(reader)
    assert lines(tmp_path) == ["one"]


@pytest.mark.usefixtures("quick")
async def test_closing_while_nothing_can_be_written(tmp_path, caplog):
    """It ends at once, and says how many records that costs."""
    with journaling(tmp_path) as journal:
        fail_with(journal, "/dev/full")
        assert await fate(journal, "one") == (False, False)
        journal.add_lazily(record("two"))
        journal.close()
        assert "2 records could not be written, and are lost" in caplog.text
    assert lines(tmp_path) == []


async def test_where_evidence_may_be_missing_all_goes_on(tmp_path):
    """With `on_failure: pass` nobody is told of a failure but the log."""
    with journaling(tmp_path, on_failure="pass") as journal:
        fail_with(journal, "/dev/full")
        assert await fate(journal, "kept") == (True, True)
        assert not journal.log.healthy
        assert journal.ready()
        assert not journal.writing


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
