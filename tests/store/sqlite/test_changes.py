"""The changes of a fleet in a database, and what somebody else may write there."""

import json
import sqlite3
from contextlib import closing
from threading import Thread
from time import monotonic, sleep

import pytest

from guard.config import Store
from guard.store.errors import StoreError
from guard.store.opening import opened
from guard.store.sqlite import changes as module


@pytest.fixture
def path(tmp_path):
    """Where it is."""
    return tmp_path / "store.db"


@pytest.fixture
def changes(path):
    """Those of a fleet."""
    with opened(Store(url=f"sqlite:{path}")) as store:
        yield store.changes


def record(id_, **more):
    """A change that blocks somebody."""
    return {"id": id_, "at": 1.5, "actor": "ann", "reason": "r", "change": {"type": "block", "value": id_}, **more}


def sql(path, statement, *values):
    """What somebody does with other tools."""
    with closing(sqlite3.connect(path)) as database, database:
        return database.execute(statement, values).fetchall()


def test_rows_are_as_they_are_documented(path, changes):
    """Whoever looks with other tools finds each change, its record in JSON, and the history's word."""
    changes.append(record("a"))
    assert sql(path, "SELECT fleet, version, id, json_extract(record, '$.actor') FROM changes") == [
        ("guard", 1, "a", "ann")
    ]
    assert sql(path, "SELECT * FROM histories") == [("guard", changes.epoch())]


FOREIGN = {
    "no JSON": ("x", "{{", "l"),
    "no text": ("x", b"\xff\x00", "l"),
    "another id": ("x", json.dumps(record("y")), "l"),
    "no link": ("x", json.dumps(record("y")), b"\xff"),
    "an id that is a number": (7, "7", "l"),
    "10 MB": ("x", json.dumps(record("x", more="y" * 10_000_000)), "l"),
    "an id of 10 MB": ("x" * 10_000_000, "{}", "l"),
    "a link of 10 MB": ("x", "{}", "l" * 10_000_000),
}


@pytest.mark.parametrize("row", FOREIGN.values(), ids=FOREIGN)
def test_what_is_no_change_is_told_as_none(path, changes, row):
    """Somebody else's row has a version and no record; the next change comes after it."""
    changes.append(record("a"))
    sql(path, "INSERT INTO changes VALUES ('guard', 7, ?, ?, ?)", *row)
    assert changes.append(record("b")) == 8
    found = changes.read(0).changes
    assert [(one.version, one.record is None) for one in found] == [(1, False), (7, True), (8, False)]
    assert all(len(one.id) + len(one.link) < 2_100 for one in found)
    assert changes.read(7).before == found[1].link
    assert not changes.wait(8, 0.0)


def test_a_number_behind_which_there_is_no_other_is_told(path, changes):
    """It cannot be counted on from there."""
    changes.append(record("a"))
    sql(path, "INSERT INTO changes VALUES ('guard', ?, 'x', '{}', 'l')", 2**63 - 1)
    with pytest.raises(StoreError, match="none can follow"):
        changes.append(record("b"))
    with pytest.raises(StoreError, match="none can follow"):
        changes.read(0)


@pytest.mark.parametrize("number", ["x", b"y", 7.5])
def test_what_is_no_number_is_told(path, changes, number):
    """Behind it there is none either."""
    changes.append(record("a"))
    sql(path, "INSERT INTO changes VALUES ('guard', ?, 'x', '{}', 'l')", number)
    for ask in (changes.version, lambda: changes.append(record("b"))):
        with pytest.raises(StoreError, match=r"somebody put change (x|y|7\.5) there, and none can follow"):
            ask()


def test_much_is_read_in_pieces(changes):
    """A page has so many bytes at most, and one change at least."""
    changes.publish([record(f"c{number}", text="x" * 400_000) for number in range(5)])
    seen: list[int] = []
    while page := changes.read(max(seen, default=0)).changes:
        assert len(page) <= 2
        seen += [one.version for one in page]
    assert seen == [1, 2, 3, 4, 5]


def test_without_its_changes_a_history_is_another(path, changes):
    """Whoever deleted them: nothing is known, and what comes begins anew."""
    changes.publish([record("a"), record("b")])
    before = changes.epoch()
    sql(path, "DELETE FROM changes")
    assert changes.known(["a", "b"]) == ("", {})
    assert changes.publish([record("b"), record("a")]).versions == {"b": 1, "a": 2}
    assert changes.epoch() not in ("", before)


def test_waiting_is_a_look_now_and_then(changes, monkeypatch):
    """The changes are not read again while nobody writes."""
    changes.append(record("a"))
    looks = []
    read = changes.read

    def look(*what):
        looks.append(what)
        return read(*what)

    monkeypatch.setattr(changes, "read", look)
    assert not changes.wait(1, 0.2)
    assert len(looks) == 1


def test_who_waits_hears_of_it_in_milliseconds(path, changes):
    """Between two looks it sleeps."""
    took = []
    with opened(Store(url=f"sqlite:{path}")) as other:
        for number in range(10):
            thread = Thread(target=changes.wait, args=(number, 5.0))
            thread.start()
            sleep(2 * module.POLL_SECONDS)
            began = monotonic()
            other.changes.append(record(f"c{number}"))
            thread.join()
            took.append(monotonic() - began)
    assert min(took) < 0.1


@pytest.fixture
def own(tmp_path):
    """Those of a machine in a store of its own."""
    with opened(Store(), tmp_path) as store:
        yield store.changes


def test_in_a_store_of_its_own_changes_keep_the_numbers_of_the_log(own):
    """Or the store's from before; those that have none follow, and none is lower than the one before it."""
    numbered = [record("a", seq=4), record("b", seq=9, store=7), record("c", seq=2), record("d", seq=20), record("e")]
    assert own.publish(numbered).versions == {"a": 5, "b": 7, "c": 8, "d": 21, "e": 22}
    assert own.append(record("f"), if_version=22) == 23
    assert [one.version for one in own.read(5).changes] == [7, 8, 21, 22, 23]
    assert own.read(7, 1).before == own.read(5, 1).changes[0].link


def test_in_a_store_that_is_shared_they_do_not(changes):
    """The log of one machine says nothing to the others."""
    assert changes.publish([record("a", seq=4), record("b", seq=9, store=7)]).versions == {"a": 1, "b": 2}
