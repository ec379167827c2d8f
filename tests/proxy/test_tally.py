"""What a worker counts, of real exchanges."""

from __future__ import annotations

import asyncio

import pytest

from guard.custody import counts as files
from guard.measures import Measures
from guard.policy.meters import Meters
from guard.policy.policy import with_measures
from guard.proxy import tally
from guard.refusal import Refusal
from tests.support.guard import guard, one_model
from tests.support.journaling import fail_with, until
from tests.support.journals import records
from tests.support.model import chat_delta, model


async def streamed(call):
    """Two deltas, and then nothing until the guard has had enough."""
    await call.begin_stream()
    await call.chunk(chat_delta("one "))
    await call.chunk(chat_delta("two "))
    await call.closed.wait()


async def test_a_stream_is_open_and_then_cut(tmp_path):
    """While it lasts it is a stream, and its caller's block ends it."""
    async with model(streamed) as served, guard(tmp_path, one_model(served.url)) as running:
        asking = asyncio.create_task(running.chat(stream=True))
        counts = running.proxy.tally.counts
        await until(lambda: counts.now.streams == 1)
        assert (counts.now.exchanges, counts.now.running, counts.now.busy) == (1, 1, 1)
        for relay in list(running.proxy.relays):
            relay.cut(Refusal(403, "client_blocked", "blocked", close=True))
        await asking
        counts = running.proxy.tally.counts
        assert counts.cut == 1
        assert counts.refusals == {"client_blocked": 1}
        assert counts.answered > 0
        await until(lambda: counts.now.streams == counts.now.busy == 0)


async def test_the_file_follows_and_the_next_worker_goes_on_from_it(tmp_path):
    """Within a second or so, and to the last at the end."""
    async with model() as served:
        async with guard(tmp_path, one_model(served.url)) as running:
            await running.chat()
            path = running.proxy.tally.path
            await until(lambda: (there := files.read(path)) is not None and there.ended == 1)
            await until(lambda: (there := files.read(path)) is not None and there.now.at > 0)
            await running.chat()
            await running.quiet()
        left = files.read(path)
        assert left is not None
        assert left.ended == 2
        assert left.records > 4
        async with guard(tmp_path, one_model(served.url)) as running:
            assert running.proxy.tally.path == path
            await running.chat()
            await running.quiet()
            assert running.proxy.tally.counts.ended == 3
        again = files.read(path)
        assert again is not None
        assert again.bytes > left.bytes
        assert again.records > left.records


async def test_a_journal_that_cannot_be_written_is_seen(tmp_path):
    """Records that wait and how long they do; what is lost in the end is counted, also once the journal was told."""
    settings = "journal: {on_failure: pass, buffer_bytes: 1000}"
    async with model() as served, guard(tmp_path, one_model(served.url, more=settings)) as running:
        counts = running.proxy.tally.counts
        fail_with(running.proxy.journal, "/dev/full")
        await running.chat("a" * 300)
        await running.chat("b" * 300)
        running.proxy.tally.measure(running.proxy, asyncio.get_running_loop().time())
        assert not counts.now.healthy
        assert counts.now.kept > 0
        assert counts.now.journal_lag >= 0
        assert counts.lost > 0
        assert counts.lost_at > 0
        await until(lambda: running.proxy.journal.writing and not running.proxy.journal.lag(0.0))
        running.proxy.tally.measure(running.proxy, asyncio.get_running_loop().time())
        assert (counts.now.healthy, counts.now.kept) == (True, 0)
    told = [one["records"] for one in records(tmp_path / "state" / "journal") if one["kind"] == "lost"]
    assert counts.lost == sum(told)


async def test_a_loop_that_comes_late_is_seen(tmp_path):
    """The most of the last minute stays until the minute is over."""
    async with model() as served, guard(tmp_path, one_model(served.url)) as running:
        worker = running.proxy.tally
        for late in (0.2, 0.3, 0.1):
            worker.swept(late)
        worker.measure(running.proxy, asyncio.get_running_loop().time())
        assert worker.counts.now.lag == 0.3
        worker.measure(running.proxy, asyncio.get_running_loop().time() + tally.LAG_SECONDS + 1)
        assert worker.counts.now.lag < 0.1
        assert sum(worker.counts.late.counts) >= 3


async def test_what_should_be_signed_for_is_what_was_there_a_minute_ago(tmp_path):
    """Younger records are not late yet."""
    async with model() as served, guard(tmp_path, one_model(served.url)) as running:
        worker, now = running.proxy.tally, asyncio.get_running_loop().time()
        await running.chat()
        await until(lambda: running.proxy.journal.log.durable.seq >= 3)
        worker.measure(running.proxy, now)
        assert worker.counts.signable == 0
        worker.measure(running.proxy, now + tally.LAG_SECONDS + 1)
        assert worker.counts.signable >= 3


async def test_versions_in_force_are_told(tmp_path):
    """Those of the policy and of the measures."""
    async with model() as served, guard(tmp_path, one_model(served.url)) as running:
        policy = running.proxy.policy
        running.proxy.adopt(with_measures(policy, running.config, Measures(version=4), 5, policy.rules))
        now = running.proxy.tally.counts.now
        await until(lambda: (now.policy, now.measures) == (5, 4))


@pytest.mark.slow
async def test_a_folder_that_cannot_be_written_stops_nobody(tmp_path, caplog):
    """It is told once; requests do not notice, and counting goes on."""
    async with model() as served, guard(tmp_path, one_model(served.url)) as running:
        path = running.proxy.tally.path
        await until(path.exists)
        path.unlink()
        path.mkdir()
        await until(lambda: "metrics stay as they were" in caplog.text)
        assert (await running.chat()).status_code == 200
        await asyncio.sleep(2 * tally.LOOK_SECONDS)
        assert caplog.text.count("metrics stay as they were") == 1
        path.rmdir()
        await until(lambda: (there := files.read(path)) is not None and there.ended == 1)


async def test_what_is_borrowed_is_counted(tmp_path):
    """By whoever borrows; over restarts it is a sum."""

    class Borrowed(Meters):
        seconds = 0.01

        def events(self):
            return {"asks": 5, "ready": 4}

    async with model() as served:
        for times in (1, 2):
            async with guard(tmp_path, one_model(served.url)) as running:
                running.proxy.meters = Borrowed()
                running.proxy.tally.measure(running.proxy, asyncio.get_running_loop().time())
                counts = running.proxy.tally.counts
                assert counts.leases == {"asks": 5 * times, "ready": 4 * times}
                assert counts.now.lease_seconds == 0.01
