"""Waiting for all machines, with a real store that they tell."""

from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import pytest

from guard.config import Store
from guard.control.fleet import Late, in_force_everywhere
from guard.store.errors import StoreError
from guard.store.nodes import Acknowledged, Node
from guard.store.opening import opened
from tests.support import valkey


@pytest.fixture
def server():
    """A store of the test's own."""
    with valkey.server() as found:
        yield found


@pytest.fixture
def nodes(server):
    """The machines in it."""
    with opened(Store(url=server.connection_url, timeout=0.2)) as store:
        yield store.nodes


def test_it_ends_when_the_last_worker_has_it(nodes):
    """Machines that are there are waited for, each with all of its workers."""
    nodes.tell(Node("a", 3, (Acknowledged("w1", 1, 3), Acknowledged("w2", 2, 2))))
    nodes.tell(Node("b", 2))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(in_force_everywhere, nodes, 3)
        nodes.tell(Node("b", 3))
        assert not waiting.done()
        nodes.tell(Node("a", 3, (Acknowledged("w1", 1, 3), Acknowledged("w2", 2, 4))))
        fleet = waiting.result(5)
    assert ([node.node for node in fleet.nodes], fleet.late) == (["a", "b"], [])
    assert fleet.seconds < 2


def test_who_is_late_is_named(nodes):
    """When patience is over: a machine that has not taken it, workers that have not, and why if they say so."""
    nodes.tell(Node("a", 3, (Acknowledged("w1", 1, 3), Acknowledged("w2", 2, 2, "a rule"))))
    nodes.tell(Node("b", 1))
    fleet = in_force_everywhere(nodes, 3, 0.05)
    assert fleet.late == [Late("b", ""), Late("a", "w2", "a rule")]


def test_who_has_not_all_of_it_is_late(nodes):
    """A worker that says what it could not put in force is named at once."""
    nodes.tell(Node("a", 3, (Acknowledged("w1", 1, 3, "a rule"),)))
    fleet = in_force_everywhere(nodes, 3)
    assert fleet.late == [Late("a", "w1", "a rule")]
    assert fleet.seconds < 2


def test_rules_that_are_made_ready_are_waited_for_where_some_were_pushed(nodes):
    """A block does not wait for them, and does not care who could not have which."""
    nodes.tell(Node("a", 3, (Acknowledged("w1", 1, 3, "a rule", "0" * 64),)))
    assert in_force_everywhere(nodes, 3, 0.05, kinds={"block"}).late == []
    assert in_force_everywhere(nodes, 3, 0.05, kinds={"push-rules"}).late == [Late("a", "w1", "a rule")]
    nodes.tell(Node("a", 3, (Acknowledged("w1", 1, 3),)))
    assert in_force_everywhere(nodes, 3, kinds={"push-rules"}).late == []


def test_a_store_that_goes_away_meanwhile_is_waited_for(server, nodes):
    """One that never answers is an error when patience is over; one that has answered tells what it last said."""
    with valkey.stopped(server), pytest.raises(StoreError):
        in_force_everywhere(nodes, 1, 0.3)
    nodes.tell(Node("a", 0))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(in_force_everywhere, nodes, 1, 1.0)
        with valkey.asked(server) as client:
            client.config_resetstat()
            valkey.until(lambda: client.info("commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"] > 1)
        with valkey.stopped(server):
            began = monotonic()
            assert waiting.result(5).late == [Late("a", "")]
            assert monotonic() - began < 3
