"""Which machines are there, by a real Valkey's clock."""

import pytest

from guard.config import Store
from guard.store import nodes as module
from guard.store.nodes import Node
from guard.store.redis.connection import Connection
from guard.store.redis.nodes import RedisNodes
from tests.support import valkey


@pytest.fixture
def server():
    """A server of the test's own."""
    with valkey.server() as found:
        yield found


@pytest.fixture
def nodes(server):
    """Those of a fleet."""
    with Connection(Store(url=server.connection_url)) as connection:
        yield RedisNodes(connection)


def test_those_that_say_nothing_are_not_there(server, nodes, monkeypatch):
    """Whoever was not heard of for a while is not listed, and forgotten after a day."""
    nodes.tell(Node("old", 1))
    nodes.tell(Node("new", 1))
    with valkey.asked(server) as client:
        value = client.hget("guard:{guard}:nodes", "old")
        client.hset("guard:{guard}:nodes", "old", f"{float(value.split()[0]) - 60:.6f} {value.split(' ', 1)[1]}")
        assert [one.node for one in nodes.alive(30)] == ["new"]
        assert [one.node for one in nodes.alive(90)] == ["new", "old"]
        monkeypatch.setattr(module, "FORGOTTEN_SECONDS", 50.0)
        nodes.alive()
        assert client.hkeys("guard:{guard}:nodes") == ["new"]


def test_one_of_a_time_to_come_is_not_there(server, nodes):
    """The store's clock has gone back since; whoever still lives says so again."""
    nodes.tell(Node("dead", 1))
    nodes.tell(Node("alive", 1))
    with valkey.asked(server) as client:
        for name in ("dead", "alive"):
            at, told = client.hget("guard:{guard}:nodes", name).split(" ", 1)
            client.hset("guard:{guard}:nodes", name, f"{float(at) + 3_600:.6f} {told}")
    nodes.tell(Node("alive", 1))
    assert [one.node for one in nodes.alive()] == ["alive"]


@pytest.mark.parametrize("value", ["", "x", "1.5 {}", "1.5 [1]", 'soon {"node":"x","version":1}'])
def test_what_is_no_word_of_a_machine_is_passed_over(server, nodes, value):
    """Somebody else's value says nothing."""
    with valkey.asked(server) as client:
        client.hset("guard:{guard}:nodes", "x", value)
    assert nodes.alive() == []
