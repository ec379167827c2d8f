"""A store that is there, is not, or cannot be asked."""

import pytest

from guard.config import Store
from guard.control.reach import Reach, reach_of
from guard.store.nodes import Acknowledged, Node
from guard.store.opening import opened
from tests.support import valkey


def test_without_a_store_there_is_nothing_to_reach():
    """A node on its own."""
    assert reach_of(Store()) is None


def test_the_nodes_that_it_has_heard_of():
    """Which of them have not the newest, as far as another has it."""
    with valkey.server() as server:
        store = Store(url=server.connection_url)
        with opened(store) as shared:
            shared.nodes.tell(Node("a", 3, (Acknowledged("w1", 7, 3),)))
            shared.nodes.tell(Node("b", 2))
        found = reach_of(store)
        assert found is not None
        assert (found.trouble, [one.node for one in found.nodes]) == ("", ["a", "b"])
        assert [one.node for one in found.behind] == ["b"]
        server.stop()
        gone = reach_of(store)
    assert gone is not None
    assert (gone.address, gone.nodes) == (found.address, ())
    assert "cannot be reached" in gone.trouble


@pytest.mark.parametrize("store", [Store(url="${STORE}"), Store(url="redis://h", password="${PASSWORD}")])
def test_what_is_in_another_environment_is_told(store):
    """Nothing is asked with a word that stands for a password."""
    assert reach_of(store) == Reach(
        "unknown", "what the store is asked with is in the environment of the guard, and not in this one"
    )


def test_an_address_that_is_none_is_told():
    """As `guard check` tells it."""
    found = reach_of(Store(url="http://h"))
    assert found is not None
    assert found.trouble.startswith("the store's address is none: ")
