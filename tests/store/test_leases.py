"""Asks of a worker to real servers: together, in order, and whatever befalls the server."""

from __future__ import annotations

import asyncio
import logging
from time import monotonic, monotonic_ns

import pytest
import uvloop

from guard.lending import Ask
from guard.store import leases as module
from guard.store.leases import LIFE_SECONDS, STALE_SECONDS
from loadtests.ports import free_port
from tests.support import valkey
from tests.support.asking import asking, until
from tests.support.asking import leases as lenders
from tests.support.between import Between

KEY = "0123456789abcdef" * 2
PLENTY = Ask(KEY, 0.001, 1_000.0, 1.0, 0.0, 0.0, 0.0)


@pytest.fixture
def server():
    """A server of the test's own."""
    with valkey.server() as found:
        yield found


def leases(port, node="n1", url="redis://127.0.0.1:{}", **more):
    """The lender of a worker, of a server at a port."""
    return lenders(url.format(port), node, **more)


async def until_answered(lender, ask=PLENTY):
    """Ask until there is an answer, as a worker does whose store is away."""
    end = monotonic() + 20
    while (answer := await asking(lender, ask)) is None:
        assert monotonic() < end, "it does not answer any more"
        await asyncio.sleep(0.02)
    return answer[0]


async def test_what_was_asked_is_granted_in_order(server):
    """A grant for each ask, with what it needs and more if there is plenty, for two seconds less the way."""
    async with leases(server.port) as lender:
        small, large = Ask("a" * 32, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0), PLENTY._replace(ahead=9.0, held=0.0, at=1)
        first, second, third = await asking(lender, small, large, small)
        assert (first.units, second.units, second.ahead, third.units) == (1.0, 10.0, 9.0, 0.0)
        assert 0.9 < third.wait <= 1.0
        assert LIFE_SECONDS - 1.0 < first.lasts < LIFE_SECONDS


async def test_all_asks_of_a_moment_go_together(server):
    """A hundred workers' requests in one turn of the loop make one round trip."""
    async with leases(server.port) as lender:
        answers = await asyncio.gather(*(asking(lender, PLENTY) for _ in range(100)))
        assert [answer[0].units for answer in answers] == [1.0] * 100
        assert (lender.events["rounds"], lender.events["asks"]) == (1, 100)
        await asking(lender, PLENTY._replace(need=2_000.0))
        assert (lender.events["refused"], lender.events["unanswered"], lender.events["errors"]) == (1, 0, 0)
        assert 0.0 < lender.seconds < 1.0


async def test_nodes_that_share_are_counted(server):
    """A node is counted while it is heard of; its workers are one."""
    async with leases(server.port, "n1") as lender, leases(server.port, "n2") as other, leases(server.port, "n2"):
        await until(lambda: lender.nodes == other.nodes == 2)
        with valkey.asked(server) as client:
            now = client.time()[0]
            client.zadd("guard:{guard}:sharing", {"n3": now - 60, "n4": now + 60, "n5": now - 1})
            await until(lambda: lender.nodes == other.nodes == 3)


async def test_fleets_do_not_share(server):
    """Each fleet has its own budgets."""
    async with leases(server.port, name="one") as lender, leases(server.port, name="two") as other:
        all_of_it = PLENTY._replace(interval=60.0, burst=5.0, need=5.0)
        assert [(await asking(one, all_of_it))[0].units for one in (lender, other, lender)] == [5.0, 5.0, 0.0]


async def test_a_store_that_forgot_the_script_gets_it_again(server):
    """It is told once more, and nobody notices."""
    async with leases(server.port) as lender:
        await until_answered(lender)
        with valkey.asked(server) as client:
            client.script_flush()
            assert (await asking(lender, PLENTY))[0].units == 1.0
        assert lender.events["errors"] == 0


async def test_a_store_that_lost_all_goes_on(server):
    """Its budgets are whole again, once."""
    async with leases(server.port) as lender:
        slow = PLENTY._replace(interval=60.0, burst=3.0)
        assert [(await asking(lender, slow))[0].units for _ in range(4)] == [1.0, 1.0, 1.0, 0.0]
        with valkey.asked(server) as client:
            client.flushall()
        assert [(await asking(lender, slow))[0].units for _ in range(4)] == [1.0, 1.0, 1.0, 0.0]


async def test_no_store_is_no_answer_and_it_comes_back(server, caplog):
    """Everybody is told at once that there is none, it is logged once, and asks are answered when it is there again."""
    caplog.set_level(logging.INFO, logger="guard")
    async with leases(server.port) as lender:
        await until_answered(lender)
        port = server.port
        server.stop()
        began = monotonic()
        assert await asyncio.gather(*(asking(lender, PLENTY) for _ in range(10))) == [None] * 10
        assert await asking(lender, PLENTY) is None
        assert monotonic() - began < 0.5
        with valkey.server(port=port):
            assert (await until_answered(lender)).units == 1.0
        assert lender.events["unanswered"] >= 11
    told = [record.message for record in caplog.records]
    assert len([line for line in told if "it cannot be reached" in line]) <= 2
    assert [line for line in told if "it answers, and what is limited is shared again" in line]


async def test_a_store_that_says_nothing(server):
    """What was sent has no answer after the timeout, what waits behind it neither; then it is asked anew."""
    async with leases(server.port, timeout=0.3) as lender:
        await until_answered(lender)
        with valkey.stopped(server):
            sent = asking(lender, PLENTY)
            await asyncio.sleep(0)
            behind = asking(lender, PLENTY)
            began = monotonic()
            assert [await sent, await behind] == [None, None]
            assert monotonic() - began < 2.0
        assert (await until_answered(lender)).units == 1.0


async def test_a_slow_store_grants_what_lasts_less(server):
    """An answer that took half a second counts from when it was asked for; what waited too long is not sent."""
    with Between(server.port) as between:
        async with leases(between.port, timeout=2.0) as lender:
            await until_answered(lender)
            await until(lambda: lender._beat_at > 0)
            between.delay = 0.5
            sent = asking(lender, PLENTY)
            await asyncio.sleep(0.01)
            behind = asking(lender, PLENTY)
            grant = (await sent)[0]
            assert grant.units == 1.0
            assert grant.lasts <= LIFE_SECONDS - 0.5
            assert STALE_SECONDS < 0.5
            assert await behind is None


async def test_answers_never_cross(server):
    """Whatever is lost, slow or cut: an answer is one to what was asked."""
    with Between(server.port) as between:
        async with leases(between.port, timeout=0.1) as lender:
            await until_answered(lender)
            answered = 0

            async def ask(number):
                nonlocal answered
                # Every budget is empty by another number of units, at a rate that gives nothing back meanwhile.
                answer = await asking(lender, Ask(f"{number:032x}", 1e9, 1e6, float(number), 0.0, 0.0, 0.0))
                if answer is not None:
                    answered += 1
                    assert answer[0].units == number
                    assert answer[0].full == number * 1e9

            numbers = iter(range(1, 2_000))
            for turn in range(60):
                between.delay = (0.0, 0.02, 0.0, 0.15)[turn % 4]
                between.held = turn % 7 == 0
                asks = [asyncio.create_task(ask(next(numbers))) for _ in range(10)]
                await asyncio.sleep(0.01 * (turn % 5))
                if turn % 5 == 0:
                    between.cut()
                between.held = False
                await asyncio.gather(*asks)
            assert answered > 100


async def test_a_store_that_is_full_refuses(server, caplog):
    """No memory is no answer; with memory it goes on."""
    async with leases(server.port) as lender:
        await until_answered(lender)
        with valkey.asked(server) as client:
            client.config_set("maxmemory", "1mb")
            assert await asking(lender, PLENTY) is None
            assert "it is full" in caplog.text
            client.config_set("maxmemory", "0")
        assert (await until_answered(lender)).units == 1.0


async def test_a_connection_that_is_cut_is_made_anew(server):
    """Asks that were on it have no answer at worst."""
    async with leases(server.port) as lender:
        await until_answered(lender)
        with valkey.asked(server) as client:
            for _ in range(5):
                client.client_kill_filter(_type="normal", skipme=True)
                assert (await until_answered(lender)).units == 1.0


@pytest.mark.slow
async def test_a_replica_takes_over(tmp_path):
    """Through sentinels the next primary is found, and has what was spent."""
    with valkey.watched(tmp_path) as pair:
        async with leases(pair.sentinel, url="redis+sentinel://127.0.0.1:{}/fleet") as lender:
            slow = PLENTY._replace(interval=3_600.0, burst=10.0)
            await until_answered(lender, slow._replace(need=9.0))
            with valkey.asked(pair.replica) as client:
                await until(lambda: client.exists(f"guard:{{guard}}:limit:{KEY}"))
            pair.primary.terminate()
            assert (await until_answered(lender, slow)).units == 1.0
            assert (await until_answered(lender, slow)).units == 0.0


async def test_a_primary_that_became_a_replica_is_left():
    """A server that takes no changes any more is no answer, and is connected to anew."""
    with valkey.server() as first:
        async with leases(first.port) as lender:
            await until_answered(lender)
            with valkey.asked(first) as client:
                client.replicaof("127.0.0.1", free_port())
                assert await asking(lender, PLENTY) is None
                client.replicaof("no", "one")
            assert (await until_answered(lender)).units == 1.0


async def test_a_cluster_lends():
    """All keys of a fleet are in one place of it."""
    with valkey.cluster() as servers:
        async with leases(servers[0].port, url="redis+cluster://127.0.0.1:{}") as lender:
            answers = await asking(lender, *(PLENTY._replace(key=f"{number:032x}") for number in range(20)))
            assert [answer.units for answer in answers] == [1.0] * 20


async def test_what_is_open_at_the_end_has_no_answer(server):
    """Closing answers what was sent, what waits, and what is asked later."""
    with valkey.stopped(server):
        async with leases(server.port) as lender:
            sent = asking(lender, PLENTY)
            await asyncio.sleep(0.05)
            waiting = asking(lender, PLENTY)
            lender.close()
            later = asking(lender, PLENTY)
            assert [await sent, await waiting, await later] == [None] * 3


async def test_a_fault_in_whoever_asks_is_not_one_of_the_others(server, caplog):
    """It is logged, and the next have their answers."""
    async with leases(server.port) as lender:
        lender.ask([PLENTY], lambda _: 1 // 0)
        assert (await asking(lender, PLENTY))[0].units == 1.0
        assert "ZeroDivisionError" in caplog.text


async def test_what_is_held_is_told(server):
    """What a node borrowed and did not spend is known to the store."""
    async with leases(server.port) as lender:
        slow = PLENTY._replace(interval=60.0, burst=100.0, need=0.0)
        lent = (await asking(lender, slow._replace(ahead=20.0, held=0.0, at=monotonic_ns())))[0]
        assert (lent.units, lent.ahead) == (20.0, 20.0)
        back = (await asking(lender, slow._replace(returned=5.0, held=10.0, at=monotonic_ns())))[0]
        assert back.full == pytest.approx(15 * 60.0, abs=0.1)


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_who_asks_for_nothing_hears_of_others_all_the_same(server, monkeypatch, loop):
    """Again and again: a worker whose neighbours do all the asking knows how many nodes share."""
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.01)

    async def hear():
        async with leases(server.port) as quiet:
            for number in range(2, 32):
                async with leases(server.port, f"n{number}") as other:
                    await until(lambda: other.nodes == number)  # noqa: B023  awaited at once
                    await until(lambda: quiet.nodes == number)  # noqa: B023

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(hear())
