"""What a log lacks of the store's changes, and the store of the log's. Whole stories are in test_follower.py."""

import pytest

from guard.control.mirror import Mirror, is_shared
from guard.store.changes import Page, Published, Stored


def record(seq, id_, **more):
    """A change of a log."""
    return {"seq": seq, "kind": "change", "id": id_, "change": {"type": "block"}, **more}


def stored(ids, first=1):
    """Changes of the store, in this order."""
    return [
        Stored(version, id_, {"kind": "change", "id": id_, "change": {"type": "block"}}, f"link-{version}")
        for version, id_ in enumerate(ids, first)
    ]


def lacking(mirror, found):
    """The ids of those that have to be written, with the store's versions."""
    return [(one["id"], one["store"]) for one in mirror.lacking(found)]


@pytest.mark.parametrize(
    ("log", "store", "expected"),
    [
        ("", "", ""),
        ("", "abc", "abc"),
        ("abc", "abc", ""),
        ("ab", "abc", "c"),
        ("ac", "abc", "bc"),
        ("ba", "ab", "b"),
        ("cab", "abc", "c"),
        ("abab", "ab", ""),
        ("aba", "ab", "b"),
        ("xaybz", "ab", ""),
        ("xab", "abx", "x"),
    ],
)
def test_from_the_first_on_that_is_not_in_order_all_are_written(log, store, expected):
    """What a log has in the store's order, each change at its last place, is not written again."""
    mirror = Mirror("n")
    mirror.begin([record(seq, id_) for seq, id_ in enumerate(log)])
    assert "".join(id_ for id_, _ in lacking(mirror, stored(store))) == expected


def test_pages_go_on_where_the_last_one_ended():
    """The log agrees up to a version; whoever has so many of its records has that version."""
    mirror = Mirror("n")
    mirror.begin([record(0, "a"), record(4, "b")])
    mirror.take(stored("a"), [])
    assert (mirror.version, mirror.before, mirror.reached) == (1, "link-1", 1)
    mirror.take(stored("b", 2), [])
    assert (mirror.version, mirror.reached, mirror.agrees) == (2, 5, True)
    found = stored("cd", 3)
    assert lacking(mirror, found) == [("c", 3), ("d", 4)]
    mirror.take(found, [record(5, "c"), record(6, "d")])
    assert (mirror.version, mirror.reached) == (4, 7)


def test_what_is_ordered_here_is_missing_there_until_it_was_sent():
    """It agrees again when the store gives it back; the store's other changes before it go before it here too."""
    mirror = Mirror("n")
    mirror.local([record(0, "mine"), record(1, "held") | {"change": {"type": "hold"}}])
    assert list(mirror.missing) == ["mine"]
    assert mirror.sent(Published("word", {"mine": 2}), 2)
    assert (mirror.missing, mirror.agrees) == ({}, False)
    found = stored(["theirs", "mine"])
    assert lacking(mirror, found) == [("theirs", 1), ("mine", 2)]
    mirror.take(found, [record(2, "theirs"), record(3, "mine")])
    assert mirror.agrees


def test_one_that_came_back_into_the_log_is_compared_again():
    """The store has had it for long: from there on everything is written once more, for it stands behind that now."""
    mirror = Mirror("n")
    mirror.take(stored("ab"), [record(0, "a"), record(1, "b")])
    mirror.local([record(2, "a")])
    assert mirror.sent(Published("", {"a": 1}), 3)
    assert (mirror.version, mirror.before) == (0, None)
    assert lacking(mirror, stored("ab")) == [("a", 1), ("b", 2)]


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (Page("word", 2, "link-2", []), True),
        (Page("word", 9, "link-2", []), True),
        (Page("word", 2, "other", []), False),
        (Page("word", 1, "", []), False),
        (Page("other", 2, "link-2", []), False),
        (Page("", 0, "", []), False),
    ],
)
def test_another_history_does_not_go_on(page, expected):
    """It has another word, fewer changes, or others behind them."""
    mirror = Mirror("n", epoch="word")
    mirror.take(stored("ab"), [record(0, "a"), record(1, "b")])
    assert mirror.fits(page) is expected


def test_an_empty_history_becomes_any():
    """The first change gives it its word; what was sent into another one is not there."""
    mirror = Mirror("n")
    assert mirror.fits(Page("", 0, "", []))
    assert mirror.sent(Published("word", {}), 0)
    assert mirror.fits(Page("word", 0, "", []))
    assert not mirror.sent(Published("other", {}), 0)


def test_what_is_no_change_is_passed_over():
    """An entry that is none, or is some machine's own, is not written, and nothing after it for its sake."""
    mirror = Mirror("n")
    mirror.begin([record(0, "a"), record(1, "c")])
    own = {"id": "b", "change": {"type": "release"}}
    found = [*stored("a"), Stored(2, "b", None, ""), Stored(3, "b", own, ""), *stored("c", 4)]
    assert lacking(mirror, found) == []
    mirror.take(found, [])
    assert (mirror.version, mirror.agrees) == (4, True)


def test_changes_without_an_id_have_one():
    """It is the same each time, and no other machine's."""
    mirror = Mirror("n")
    assert mirror.id_of({"seq": 3}) == mirror.id_of({"seq": 3, "id": ""}) == "n-3"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"change": {"type": "block"}}, True),
        ({"change": {"type": "push-rules"}}, True),
        ({"change": {"type": "release"}}, False),
        ({"change": {"type": "later"}}, False),
        ({"change": {"type": "later"}, "store": 3}, True),
        ({"change": None}, False),
        ({}, False),
    ],
)
def test_measures_are_shared(given, expected):
    """Every kind of measure is, and one of a later program that has come from the store."""
    assert is_shared(given) is expected
