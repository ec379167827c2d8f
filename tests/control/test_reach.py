"""A store that is there, is not, or cannot be asked."""

import pytest

from guard.config import Config, Store
from guard.control.reach import Reach, reach_of
from guard.store.nodes import Acknowledged, Node
from guard.store.opening import opened
from tests.support import valkey


def config(store=None, state="nowhere"):
    """A guard's."""
    return Config(models={}, routes=(), state=str(state), store=store or Store())


def test_before_a_guard_has_run_there_is_nothing_to_reach(tmp_path):
    """Who only looks makes no store."""
    assert reach_of(config(state=tmp_path)) is None
    assert list(tmp_path.iterdir()) == []


def test_a_store_of_its_own(tmp_path):
    """It is in the state folder."""
    with opened(Store(), tmp_path) as shared:
        shared.nodes.tell(Node("a", 3))
    found = reach_of(config(state=tmp_path))
    assert found is not None
    assert (found.address, found.trouble, found.behind) == (str(tmp_path / "store.db"), "", [])
    assert [one.node for one in found.nodes] == ["a"]


def test_the_nodes_that_it_has_heard_of():
    """Which of them have not the newest, as far as another has it."""
    with valkey.server() as server:
        store = Store(url=server.connection_url)
        with opened(store) as shared:
            shared.nodes.tell(Node("a", 3, (Acknowledged("w1", 7, 3),)))
            shared.nodes.tell(Node("b", 2))
        found = reach_of(config(store))
        assert found is not None
        assert (found.trouble, [one.node for one in found.nodes]) == ("", ["a", "b"])
        assert [one.node for one in found.behind] == ["b"]
        server.stop()
        gone = reach_of(config(store))
    assert gone is not None
    assert (gone.address, gone.nodes) == (found.address, ())
    assert "cannot be reached" in gone.trouble


@pytest.mark.parametrize("store", [Store(url="${STORE}"), Store(url="redis://h", password="${PASSWORD}")])
def test_what_is_in_another_environment_is_told(store):
    """Nothing is asked with a word that stands for a password."""
    assert reach_of(config(store)) == Reach(
        "unknown", "what the store is asked with is in the environment of the guard, and not in this one"
    )


def test_an_address_that_is_none_is_told():
    """As `guard check` tells it."""
    found = reach_of(config(Store(url="http://h")))
    assert found is not None
    assert found.trouble.startswith("the store's address is none: ")
