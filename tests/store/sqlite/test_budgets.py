"""A worker's asks to budgets in a database, and whatever befalls that."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from contextlib import closing
from time import monotonic, monotonic_ns, sleep

import pytest

from guard.lending import Ask
from guard.store import leases as module
from guard.store.leases import LIFE_SECONDS
from guard.store.sqlite.file import File
from tests.support.asking import asking, leases, until

SLOW = Ask("0123456789abcdef" * 2, 60.0, 5.0, 1.0, 0.0, 0.0, 0.0)


@pytest.fixture
def path(tmp_path):
    """Where the store is."""
    return tmp_path / "store.db"


async def units(lender, ask=SLOW):
    """How many were granted; None: no answer."""
    answer = await asking(lender, ask)
    return answer and answer[0].units


def sql(path, statement, *values):
    """What somebody does with other tools."""
    with closing(sqlite3.connect(f"{path}-live")) as database, database:
        return database.execute(statement, values).fetchall()


async def test_nodes_share_a_budget(path):
    """What one has taken the other has not; a grant lasts as long as a lease, less the way."""
    async with leases(f"sqlite:{path}", "n1") as lender, leases(f"sqlite:{path}", "n2") as other:
        first = (await asking(lender, SLOW._replace(need=3.0)))[0]
        assert first.units == 3.0
        assert LIFE_SECONDS - 1.0 < first.lasts < LIFE_SECONDS
        assert [await units(other) for _ in range(3)] == [1.0, 1.0, 0.0]
        assert sql(path, "SELECT count(*) FROM budgets") == [(1,)]


async def test_all_asks_of_a_moment_are_one_transaction(path):
    """Each has its answer."""
    async with leases(f"sqlite:{path}") as lender:
        plenty = SLOW._replace(interval=0.001, burst=1_000.0)
        answers = await asyncio.gather(*(units(lender, plenty) for _ in range(100)))
        assert answers == [1.0] * 100
        assert lender.events["rounds"] == 1


async def test_fleets_do_not_share(path):
    """Each fleet has its own budgets."""
    async with leases(f"sqlite:{path}", name="one") as lender, leases(f"sqlite:{path}", name="two") as other:
        all_of_it = SLOW._replace(need=5.0)
        assert [await units(one, all_of_it) for one in (lender, other, lender)] == [5.0, 5.0, 0.0]


async def test_nodes_that_share_are_counted(path, monkeypatch):
    """A node is counted while it is heard of; its workers are one; one of a time to come is none."""
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.02)
    async with (
        leases(f"sqlite:{path}", "n1") as lender,
        leases(f"sqlite:{path}", "n2") as other,
        leases(f"sqlite:{path}", "n2"),
    ):
        await until(lambda: lender.nodes == other.nodes == 2)
        for name, seconds in (("n3", -60), ("n4", 60), ("n5", -1)):
            sql(path, "INSERT INTO sharing SELECT fleet, ?, at + ? FROM sharing WHERE node = 'n1'", name, seconds)
        await until(lambda: lender.nodes == other.nodes == 3)


async def test_what_is_held_is_told(path):
    """What a node borrowed and did not spend is known to the store."""
    async with leases(f"sqlite:{path}") as lender:
        slow = SLOW._replace(burst=100.0, need=0.0)
        lent = (await asking(lender, slow._replace(ahead=20.0, held=0.0, at=monotonic_ns())))[0]
        assert (lent.units, lent.ahead) == (20.0, 20.0)
        back = (await asking(lender, slow._replace(returned=5.0, held=10.0, at=monotonic_ns())))[0]
        assert back.full == pytest.approx(15 * 60.0, abs=0.1)


async def test_what_is_whole_again_takes_no_room(path, monkeypatch):
    """It is as if it had never been."""
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.02)
    async with leases(f"sqlite:{path}") as lender:
        await units(lender)
        sql(path, "UPDATE budgets SET ends = 1")
        await until(lambda: sql(path, "SELECT count(*) FROM budgets") == [(0,)])


async def test_one_that_was_taken_away_is_whole_again(path):
    """Once; that is all that is lost."""
    async with leases(f"sqlite:{path}") as lender:
        assert [await units(lender) for _ in range(6)] == [1.0] * 5 + [0.0]
        for file in path.parent.glob("store.db-live*"):
            file.unlink()
        assert [await units(lender) for _ in range(6)] == [1.0] * 5 + [0.0]


@pytest.mark.parametrize("value", ["", "x", "1 2 n1 3", f"{-(10**30)} 2", f"1 2 n1 {10**30} {10**30} 1 1 1"])
async def test_what_is_no_budget_is_whole(path, value):
    """Whatever somebody else has written there."""
    async with leases(f"sqlite:{path}") as lender:
        await units(lender)
        sql(path, "UPDATE budgets SET value = ?", value)
        assert (await units(lender, SLOW._replace(need=5.0))) == 5.0


async def test_one_that_is_damaged_is_made_anew(path):
    """One ask at most has no answer."""
    async with leases(f"sqlite:{path}") as lender:
        await units(lender)
    live = path.with_name("store.db-live")
    live.write_bytes(live.read_bytes()[:4_096] + b"\xff" * 100_000)
    async with leases(f"sqlite:{path}") as lender:
        assert [await units(lender) for _ in range(3)][1:] == [1.0, 1.0]


async def test_one_that_others_hold_is_no_answer_and_it_comes_back(path, caplog):
    """Nobody waits for longer than the time-out, it is logged once, and then they are answered again."""
    caplog.set_level(logging.INFO, logger="guard")
    async with leases(f"sqlite:{path}", timeout=0.1) as lender:
        assert await units(lender) == 1.0
        with closing(sqlite3.connect(f"{path}-live", isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            began = monotonic()
            assert await asyncio.gather(*(units(lender) for _ in range(10))) == [None] * 10
            assert await units(lender) is None
            assert monotonic() - began < 2.0
        assert await units(lender) == 1.0
    told = [record.message for record in caplog.records]
    assert len([line for line in told if "others hold it for more than 0.1 seconds" in line]) == 1
    assert [line for line in told if "it answers, and what is limited is shared again" in line]


async def test_a_disk_that_says_nothing_is_no_answer_and_it_comes_back(path, monkeypatch):
    """However long that takes."""
    async with leases(f"sqlite:{path}", timeout=0.05) as lender:
        assert await units(lender) == 1.0
        write = File.write

        def late(*what):
            sleep(0.5)
            return write(*what)

        monkeypatch.setattr(File, "write", late)
        assert await units(lender) is None
        monkeypatch.undo()
        end = monotonic() + 20
        while await asyncio.wait_for(units(lender), 5) is None:
            assert monotonic() < end, "it did not come back"
            await asyncio.sleep(0.05)


async def test_a_time_that_no_database_can_hold_is_the_last_that_it_can(path):
    """As of a budget of which a unit comes back in years."""
    async with leases(f"sqlite:{path}") as lender:
        assert await units(lender, SLOW._replace(interval=1e9, burst=2e9)) == 1.0
        assert await units(lender, SLOW._replace(interval=1e9, burst=2e9, need=1e9)) == 1e9
