"""The machines of a fleet in a database, by this machine's clock."""

import sqlite3
from contextlib import closing

import pytest

from guard.config import Store
from guard.store import nodes as module
from guard.store.nodes import Node
from guard.store.opening import opened


@pytest.fixture
def path(tmp_path):
    """Where it is."""
    return tmp_path / "store.db"


@pytest.fixture
def nodes(path):
    """Those of a fleet."""
    with opened(Store(url=f"sqlite:{path}")) as store:
        yield store.nodes


def sql(path, statement, *values):
    """What somebody does with other tools."""
    with closing(sqlite3.connect(f"{path}-live")) as database, database:
        return database.execute(statement, values).fetchall()


def test_those_that_say_nothing_are_not_there(path, nodes, monkeypatch):
    """Whoever was not heard of for a while is not listed, and forgotten after a day."""
    nodes.tell(Node("old", 1))
    nodes.tell(Node("new", 1))
    sql(path, "UPDATE nodes SET at = at - 60 WHERE node = 'old'")
    assert [one.node for one in nodes.alive(30)] == ["new"]
    assert [one.node for one in nodes.alive(90)] == ["new", "old"]
    monkeypatch.setattr(module, "FORGOTTEN_SECONDS", 50.0)
    nodes.alive()
    assert sql(path, "SELECT node FROM nodes") == [("new",)]


def test_one_of_a_time_to_come_is_not_there(path, nodes):
    """The clock has gone back since; whoever still lives says so again."""
    nodes.tell(Node("dead", 1))
    nodes.tell(Node("alive", 1))
    sql(path, "UPDATE nodes SET at = at + 3600")
    nodes.tell(Node("alive", 1))
    assert [one.node for one in nodes.alive()] == ["alive"]


@pytest.mark.parametrize("told", [b"", b"x", b"{}", b"\xff", "text", 7])
def test_what_is_no_word_of_a_machine_is_passed_over(path, nodes, told):
    """Somebody else's row says nothing."""
    nodes.tell(Node("a", 1))
    sql(path, "INSERT INTO nodes SELECT fleet, 'x', at, ? FROM nodes", told)
    assert [one.node for one in nodes.alive()] == ["a"]


def test_fleets_do_not_see_each_other(path, nodes):
    """Another fleet in the same database has machines of its own."""
    nodes.tell(Node("a", 1))
    with opened(Store(url=f"sqlite:{path}", name="other")) as other:
        assert other.nodes.alive() == []
