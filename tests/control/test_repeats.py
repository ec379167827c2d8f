"""Orders that are given again."""

import pytest

from guard.config import Store
from guard.control import repeats
from guard.control.repeats import DAY_SECONDS, find, ids_of
from guard.custody.control import append_all, change_record
from guard.store.opening import opened

NOW = 20_000 * DAY_SECONDS + 7.0


@pytest.fixture
def changes(tmp_path, monkeypatch):
    """Those in a machine's own store."""
    monkeypatch.setattr(repeats, "time", lambda: NOW)
    with opened(Store(), tmp_path) as store:
        yield store.changes


def records(mark, count):
    """The records of an order."""
    return [change_record({"type": "isolate", "model": id_}, reason="r", id_=id_) for id_ in ids_of(mark, count)]


def found(changes, tmp_path, mark, count, *, look=False):
    """The ids of its changes, its version, and whether that is the log's."""
    told = find(mark, count, changes, tmp_path, look=look)
    return told and ([record["id"] for record in told.records], told.version, told.here)


def test_ids_are_the_same_for_the_same_mark(monkeypatch):
    """On one day; without a mark each order has others."""
    monkeypatch.setattr(repeats, "time", lambda: NOW)
    assert ids_of("m", 3) == ids_of("m", 3) == ["m.20000", "m.20000-1", "m.20000-2"]
    assert ids_of("m", 1, DAY_SECONDS) == ["m.19999"]
    assert not {*ids_of(None, 2)} & {*ids_of(None, 2)}


def test_an_order_is_found_in_the_store(changes, tmp_path):
    """All of it, in its order, with the version that it has; others are not."""
    changes.append_all(records("first", 1))
    placed = records("m", 3)
    changes.append_all(placed)
    assert found(changes, tmp_path, "m", 3) == ([record["id"] for record in placed], 4, False)
    assert found(changes, tmp_path, "m", 4) is None
    assert found(changes, tmp_path, "other", 1, look=True) is None


@pytest.mark.parametrize(("days", "known"), [(1, True), (2, False)])
def test_it_is_known_for_a_day_at_least(changes, tmp_path, monkeypatch, days, known):
    """Then the same mark is another order's."""
    changes.append_all(records("m", 2))
    monkeypatch.setattr(repeats, "time", lambda: NOW + days * DAY_SECONDS)
    assert (found(changes, tmp_path, "m", 2) is not None) is known


def test_what_was_put_aside_is_found_in_the_log(changes, tmp_path):
    """If it is looked for there, as it is while the store may not have it."""
    placed = records("m", 2)
    append_all(tmp_path, placed)
    assert found(changes, tmp_path, "m", 2) is None
    assert found(changes, tmp_path, "m", 2, look=True) == ([record["id"] for record in placed], 3, True)


def test_a_store_that_says_nothing_knows_nothing(changes, tmp_path):
    """Then the log does."""
    append_all(tmp_path, records("m", 1))
    (tmp_path / "store.db").mkdir()
    assert found(changes, tmp_path, "m", 1, look=True) == (["m.20000"], 2, True)
