"""Which machines are there, by the clock of every kind of store."""

import pytest

from guard.config import Store
from guard.store.nodes import Acknowledged, Node
from guard.store.opening import opened
from tests.support import stores


@pytest.fixture(params=stores.KINDS)
def nodes(request, tmp_path):
    """Those of a fleet."""
    with stores.store(request.param, tmp_path) as home, opened(Store(url=home.url)) as store:
        yield store.nodes


def test_each_tells_what_it_has(nodes):
    """Machines are listed by name, each with its newest word and the time of that."""
    workers = (Acknowledged("w1", 11, 3), Acknowledged("w2", 12, 2, "a rule"))
    nodes.tell(Node("b", 3, workers))
    nodes.tell(Node("a", 1))
    nodes.tell(Node("a", 2))
    first, second = nodes.alive()
    assert (first.node, first.version, second.node, second.workers) == ("a", 2, "b", workers)
    assert first.at > second.at > 1_000_000_000


def test_one_that_ends_says_so(nodes):
    """It is not waited for any more."""
    for name in "abc":
        nodes.tell(Node(name, 1))
    nodes.forget("a", "c")
    assert [one.node for one in nodes.alive()] == ["b"]
