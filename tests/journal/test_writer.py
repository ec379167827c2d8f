import asyncio
import json
import os
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest

from guard.journal import writer
from guard.journal.writer import Batch, Journal

PATIENCE = 5.0
RETRY = 0.2
OPEN_FILES = Path("/proc/self/fd")


@contextmanager
def journaling(folder: Path):
    """A journal in the running loop."""
    journal = Journal(folder, "w0", asyncio.get_running_loop())
    try:
        yield journal
    finally:
        journal.close()


@pytest.fixture
def quick(monkeypatch):
    """After a failure a new file is tried soon."""
    monkeypatch.setattr(writer, "RETRY_SECONDS", RETRY)


def written(folder: Path) -> list[bytes]:
    """All lines in the folder, in the order of the files."""
    return [line for path in sorted(folder.glob("*.jsonl"), key=number_of) for line in path.read_bytes().splitlines()]


def number_of(path: Path) -> int:
    """The number of a file among those of its worker."""
    return int(path.stem.rpartition("-")[2])


def future() -> asyncio.Future[bool]:
    """Something to wait for."""
    return asyncio.get_running_loop().create_future()


async def fate(journal: Journal, line: bytes) -> tuple[bool, bool]:
    """Add a line; whether it was written, and whether it became durable."""
    then, durable = future(), future()
    journal.add(line, then.set_result).when_durable(durable.set_result)
    return await asyncio.wait_for(then, PATIENCE), await asyncio.wait_for(durable, PATIENCE)


def ignore(_: bool) -> None:
    """Nobody waits."""


@contextmanager
def failing(journal: Journal, device: str):
    """Put a device in the place of the journal's open file: /dev/full cannot be written, /dev/null not be synced."""
    descriptor = os.open(device, os.O_WRONLY)
    assert journal._segment is not None
    os.dup2(descriptor, journal._segment.fd)
    os.close(descriptor)
    yield


async def test_a_record_is_written_and_then_durable(tmp_path):
    """What waits for the write runs when the line is in the file, and before what waits for the disk."""
    with journaling(tmp_path) as journal:
        events = []
        done = asyncio.Event()

        def then(ok: bool) -> None:
            events.append(("written", ok, written(tmp_path)))

        def durable(ok: bool) -> None:
            events.append(("durable", ok, written(tmp_path)))
            done.set()

        batch = journal.add(b"one\n", then)
        batch.when_durable(durable)
        assert events == []
        assert written(tmp_path) == []
        await asyncio.wait_for(done.wait(), PATIENCE)
        assert events == [("written", True, [b"one"]), ("durable", True, [b"one"])]
        late: list[bool] = []
        batch.when_durable(late.append)
        assert late == [True]


async def test_one_write_for_each_turn_of_the_loop(tmp_path):
    """Records of one turn are one batch, in the order they were added; those of the next are another."""
    with journaling(tmp_path) as journal:
        order = []
        first = [journal.add(b"%d\n" % number, lambda _, number=number: order.append(number)) for number in range(5)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        second = journal.add(b"5\n", lambda _: order.append(5))
        assert len(set(map(id, first))) == 1
        assert second is not first[0]
        done = future()
        second.when_durable(done.set_result)
        assert await asyncio.wait_for(done, PATIENCE)
        assert order == list(range(6))
        assert written(tmp_path) == [b"%d" % number for number in range(6)]


async def test_what_is_added_while_telling_is_another_batch(tmp_path):
    """An action that adds a record is not told of its own record at once."""
    with journaling(tmp_path) as journal:
        chained, batches = future(), []

        def again(_: bool) -> None:
            batches.append(journal.add(b"second\n", chained.set_result))
            assert not chained.done()

        batches.append(journal.add(b"first\n", again))
        assert await asyncio.wait_for(chained, PATIENCE)
        assert batches[0] is not batches[1]
        assert written(tmp_path) == [b"first", b"second"]


async def test_what_nobody_waits_for_comes_along(tmp_path):
    """A lazy record is written with the next, in order, or by itself a little later."""
    with journaling(tmp_path) as journal:
        journal.add_lazily(b"lazy\n")
        await asyncio.sleep(0)
        assert written(tmp_path) == []
        assert await fate(journal, b"next\n") == (True, True)
        assert written(tmp_path) == [b"lazy", b"next"]
        journal.add_lazily(b"alone\n")
        async with asyncio.timeout(PATIENCE):
            while len(written(tmp_path)) < 3:
                await asyncio.sleep(0)
        assert written(tmp_path)[2] == b"alone"


async def test_thousands_of_records_keep_their_order(tmp_path):
    """Records of many tasks over many turns are all there, each task's in its order, and all become durable."""
    with journaling(tmp_path) as journal:
        durable: list[bool] = []

        async def task(name: int) -> None:
            for number in range(250):
                journal.add(b"%d %d\n" % (name, number), ignore).when_durable(durable.append)
                if number % (name + 2) == 0:
                    await asyncio.sleep(0)

        await asyncio.gather(*(task(name) for name in range(20)))
        assert await fate(journal, b"end\n") == (True, True)
        assert durable == [True] * 5_000
    lines = written(tmp_path)
    assert lines.pop() == b"end"
    for name in range(20):
        assert [line for line in lines if line.startswith(b"%d " % name)] == [
            b"%d %d" % (name, number) for number in range(250)
        ]


async def test_large_records_are_whole(tmp_path):
    """A record of many megabytes is one line."""
    with journaling(tmp_path) as journal:
        line = b"x" * 30_000_000 + b"\n"
        assert await fate(journal, line) == (True, True)
        assert written(tmp_path) == [line[:-1]]


async def test_closing_puts_everything_on_disk(tmp_path):
    """`close` writes what was added in this turn too, and ends the thread; what waited is told afterwards."""
    journal = Journal(tmp_path, "w0", asyncio.get_running_loop())
    threads = threading.active_count()
    then, durable = future(), future()
    journal.add(b"one\n", then.set_result).when_durable(durable.set_result)
    journal.add_lazily(b"two\n")
    journal.close()
    assert written(tmp_path) == [b"one", b"two"]
    assert then.result() is True
    assert await asyncio.wait_for(durable, PATIENCE)
    assert threading.active_count() == threads - 1


async def test_closing_an_empty_journal(tmp_path):
    """A journal in which nothing was written closes too, twice."""
    journal = Journal(tmp_path, "w0", asyncio.get_running_loop())
    journal.close()
    journal.close()


async def test_each_start_has_a_file_of_its_own(tmp_path):
    """A folder that is not there is made, for its owner only; files of earlier starts are not touched."""
    folder = tmp_path / "a" / "journal"
    for line in (b"one\n", b"two\n"):
        with journaling(folder) as journal:
            assert await fate(journal, line) == (True, True)
    files = sorted(folder.iterdir())
    assert [path.read_bytes() for path in files] == [b"one\n", b"two\n"]
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


async def test_a_folder_that_cannot_be_used(tmp_path):
    """A journal without a place to write does not start."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        Journal(tmp_path / "file", "w0", asyncio.get_running_loop())


@pytest.mark.usefixtures("quick")
async def test_a_write_that_fails(tmp_path, caplog):
    """When the disk is full everybody who waits is told so, the file is given up, and later a new one is begun."""
    with journaling(tmp_path) as journal:
        assert await fate(journal, b"before\n") == (True, True)
        with failing(journal, "/dev/full"):
            began = monotonic()
            assert await fate(journal, b"lost\n") == (False, False)
        assert not journal.healthy
        assert not journal.ready()
        assert "the journal cannot be written" in caplog.text
        assert await fate(journal, b"too early\n") == (False, False)
        assert len(list(tmp_path.iterdir())) == 1
        async with asyncio.timeout(PATIENCE):
            while not journal.ready():
                await asyncio.sleep(0)
        assert monotonic() - began >= RETRY
        assert await fate(journal, b"after\n") == (True, True)
        assert journal.healthy
        assert journal.ready()
    assert written(tmp_path) == [b"before", b"after"]
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.usefixtures("quick")
async def test_all_of_a_failed_batch_are_told(tmp_path):
    """Each record of the turn in which the write failed has failed, also for those who ask later."""
    with journaling(tmp_path) as journal:
        told = []
        with failing(journal, "/dev/full"):
            for number in range(10):
                batch = journal.add(b"%d\n" % number, lambda ok: told.append(("written", ok)))
                batch.when_durable(lambda ok: told.append(("durable", ok)))
            await fate(journal, b"x\n")
        assert sorted(set(told)) == [("durable", False), ("written", False)]
        assert len(told) == 20
        late: list[bool] = []
        batch.when_durable(late.append)
        assert late == [False]


@pytest.mark.usefixtures("quick")
async def test_a_sync_that_fails(tmp_path, caplog):
    """A record that was written and cannot be synced is not durable, and its file is not written again."""
    with journaling(tmp_path) as journal:
        (path,) = tmp_path.iterdir()
        with failing(journal, "/dev/null"):
            assert await fate(journal, b"lost\n") == (True, False)
        assert not journal.healthy
        assert "the journal cannot be written" in caplog.text
        async with asyncio.timeout(PATIENCE):
            while not journal.ready():
                await asyncio.sleep(0)
        assert await fate(journal, b"after\n") == (True, True)
        assert path.read_bytes() == b""
    assert written(tmp_path) == [b"after"]


@pytest.mark.usefixtures("quick")
async def test_a_file_that_is_given_up_is_closed_once(tmp_path):
    """The number of the failed file stays taken until nobody can write to it, and then it is free."""
    with journaling(tmp_path) as journal:
        descriptor = journal._segment.fd
        thread = journal._segment._thread
        with failing(journal, "/dev/null"):
            # The turn in which the sync fails is followed by one in which the loop does not know of it yet.
            then = future()
            journal.add(b"lost\n", then.set_result)
            await then
            thread.join(0.1)
            assert (OPEN_FILES / str(descriptor)).readlink() == Path("/dev/null")
            second = future()
            journal.add(b"lost too\n", second.set_result)
            await second
        thread.join(PATIENCE)
        assert not thread.is_alive()
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)


@pytest.mark.usefixtures("quick")
async def test_a_folder_that_is_gone_and_comes_back(tmp_path):
    """While no file can be made every try fails; once one can, the journal goes on by itself."""
    folder = tmp_path / "journal"
    with journaling(folder) as journal:
        with failing(journal, "/dev/full"):
            shutil.rmtree(folder)
            assert await fate(journal, b"lost\n") == (False, False)
        for _ in range(2):
            async with asyncio.timeout(PATIENCE):
                while not journal.ready():
                    await asyncio.sleep(0)
            assert await fate(journal, b"lost\n") == (False, False)
            assert not journal.ready()
        folder.mkdir()
        async with asyncio.timeout(PATIENCE):
            while not journal.ready():
                await asyncio.sleep(0)
        assert await fate(journal, b"found\n") == (True, True)
    assert written(folder) == [b"found"]


async def test_failures_leak_nothing(tmp_path, monkeypatch):
    """After many failures there are as many threads and open files as before."""
    monkeypatch.setattr(writer, "RETRY_SECONDS", 0.0)
    with journaling(tmp_path) as journal:
        assert await fate(journal, b"x\n") == (True, True)
        threads, files = threading.active_count(), len(list(OPEN_FILES.iterdir()))
        for device in ["/dev/full", "/dev/null"] * 20:
            given_up = journal._segment._thread
            with failing(journal, device):
                assert (await fate(journal, b"x\n"))[1] is False
            assert await fate(journal, b"x\n") == (True, True)
            given_up.join(PATIENCE)
        assert threading.active_count() == threads
        assert len(list(OPEN_FILES.iterdir())) == files


async def test_an_action_that_fails_stops_nobody_else(tmp_path, caplog):
    """An error in what waited for a record is logged, and everybody else is told."""
    with journaling(tmp_path) as journal:
        told: list[bool] = []

        def fail(_: bool) -> None:
            raise ZeroDivisionError

        batch = journal.add(b"one\n", fail)
        journal.add(b"two\n", told.append)
        batch.when_durable(fail)
        batch.when_durable(told.append)
        assert await fate(journal, b"three\n") == (True, True)
        assert told == [True, True]
    assert [record.exc_info[0] for record in caplog.records] == [ZeroDivisionError] * 2


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
from guard.journal import writer
from guard.journal.writer import Journal

writer.RETRY_SECONDS = 0.05

async def main():
    journal = Journal(Path(sys.argv[1]), "w0", asyncio.get_running_loop())
    # From here on no file can grow beyond this: the write that crosses it is cut short, the next one fails.
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, resource.RLIM_INFINITY))
    fates = []
    for number in range(12):
        while not journal.ready():
            await asyncio.sleep(0)
        future = asyncio.get_running_loop().create_future()
        journal.add(b"%02d" % number + b"x" * 397 + b"\\n", lambda ok: None).when_durable(future.set_result)
        fates.append(await asyncio.wait_for(future, 5))
    journal.close()
    print(json.dumps(fates))

asyncio.run(main())
"""


def test_a_full_disk(tmp_path):
    """On a disk that fills up again and again, every record that was said to be durable is whole in some file."""
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, check=True, timeout=30)
    fates = json.loads(done.stdout)
    assert fates == [True, True, False] * 4
    whole = [line for path in sorted(tmp_path.iterdir(), key=number_of) for line in path.read_bytes().split(b"\n")[:-1]]
    assert [int(line[:2]) for line in whole] == [number for number, ok in enumerate(fates) if ok]
    assert {len(line) for line in whole} == {399}
    assert all(path.stat().st_size <= 1_000 for path in tmp_path.iterdir())


KILLED = """
import asyncio, os, sys
from pathlib import Path
from guard.journal.writer import Journal

async def main():
    journal = Journal(Path(sys.argv[1]), "w0", asyncio.get_running_loop())
    number = 0
    def acknowledge(last):
        os.write(1, b"%d\\n" % last)
    while True:
        journal.add(b"%d\\n" % number, lambda ok: None).when_durable(lambda ok, last=number: acknowledge(last))
        number += 1
        await asyncio.sleep(0)

asyncio.run(main())
"""


def test_a_killed_worker_has_kept_its_word(tmp_path):
    """After a kill in the middle of the work the file holds at least every record that was acknowledged, in order."""
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    for _ in range(300):
        child.stdout.readline()
    child.kill()
    acknowledged = [int(line) for line in child.stdout.read().splitlines(keepends=True) if line.endswith(b"\n")]
    child.stdout.close()
    child.wait(PATIENCE)
    (path,) = tmp_path.iterdir()
    *lines, _ = path.read_bytes().split(b"\n")
    assert [int(line) for line in lines] == list(range(len(lines)))
    assert len(lines) > max(acknowledged, default=299)
