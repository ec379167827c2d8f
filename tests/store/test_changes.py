"""The changes of a fleet, in every kind of store."""

from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import pytest

from guard.changes import VersionError
from guard.config import Store
from guard.store.changes import BATCH, Known
from guard.store.errors import StoreError
from guard.store.opening import opened
from tests.support import stores


@pytest.fixture(params=stores.KINDS)
def home(request, tmp_path):
    """A store of the test's own."""
    with stores.store(request.param, tmp_path) as found:
        yield found


@pytest.fixture
def changes(home):
    """Those of a fleet."""
    with opened(Store(url=home.url)) as store:
        yield store.changes


def record(id_, **more):
    """A change that blocks somebody."""
    return {"id": id_, "at": 1.5, "actor": "ann", "reason": "r", "change": {"type": "block", "value": id_}, **more}


def test_changes_are_numbered_from_one(changes):
    """Each change that is added has the next version, and is read as it was written."""
    assert (changes.version(), changes.epoch()) == (0, "")
    assert [changes.append(record(id_)) for id_ in "abc"] == [1, 2, 3]
    page = changes.read(0)
    assert [(one.version, one.id) for one in page.changes] == [(1, "a"), (2, "b"), (3, "c")]
    assert page.changes[0].record == {"kind": "change", **record("a")}
    assert (page.version, page.before, page.epoch) == (3, "", changes.epoch())


def test_what_a_record_has_in_one_log_only_stays_there(changes):
    """Its number, its chain and its version are not another machine's."""
    changes.append(record("a", seq=7, chain="c", store=3, kind="change"))
    assert changes.read(0).changes[0].record == {"kind": "change", **record("a")}


def test_all_between_two_versions_are_read(changes):
    """However many pages they take, and no more than those."""
    changes.publish([record(f"c{number}", text="x" * 400_000) for number in range(1, 8)])
    assert [one.version for one in changes.between(2, 6)] == [2, 3, 4, 5, 6]
    assert [one.version for one in changes.between(7, 9)] == [7]


def test_reading_goes_on_after_a_version(changes):
    """A page has what follows, as much as was asked for, and the link of what it follows."""
    changes.publish([record(f"c{number}") for number in range(1, 8)])
    page = changes.read(2, 3)
    assert ([one.version for one in page.changes], page.version) == ([3, 4, 5], 7)
    assert page.before == changes.read(1, 1).changes[0].link != ""
    assert changes.read(7).changes == []
    assert changes.read(9).before == ""


def test_a_condition_is_the_version(changes):
    """Who has seen the last change may add one; who has not is told which it is."""
    assert changes.append(record("a"), if_version=0) == 1
    with pytest.raises(VersionError) as caught:
        changes.append(record("b"), if_version=0)
    assert (caught.value.version, caught.value.expected) == (1, 0)
    assert changes.append(record("b"), if_version=1) == 2


def test_the_same_change_is_added_once(changes):
    """One that is there keeps its version, whatever the condition is: it is the answer that did not come."""
    changes.append(record("a"))
    changes.append(record("b"))
    assert changes.append(record("a")) == 1
    assert changes.append(record("b"), if_version=1) == 2
    assert changes.publish([record("c"), record("a"), record("b")]).versions == {"a": 1, "b": 2, "c": 3}
    assert changes.version() == 3


def test_many_are_published_in_order(changes):
    """However many there are, and large ones too, each has its place once."""
    records = [record(f"c{number}", text="x" * (5_000 if number % 7 == 0 else 1)) for number in range(3 * BATCH + 7)]
    changes.append(records[5])
    versions = changes.publish(records).versions
    assert len(versions) == len(records) == changes.version()
    assert sorted(versions, key=versions.__getitem__) == ["c5", *(one["id"] for one in records if one["id"] != "c5")]


def test_a_history_has_a_word_of_its_own(home, changes):
    """A store that was emptied has another one, and counts from the beginning."""
    changes.append(record("a"))
    first = changes.epoch()
    changes.append(record("b"))
    assert changes.epoch() == first != ""
    home.empty()
    assert (changes.version(), changes.epoch()) == (0, "")
    assert changes.append(record("b")) == 1
    assert changes.epoch() not in ("", first)


def test_a_link_tells_histories_apart(home, changes):
    """The same change at the same version has another link if what came before it was other, or in another order."""
    links = []
    for before in ("ab", "ba", "ac"):
        changes.publish([record(id_) for id_ in before])
        changes.append(record("z"))
        links.append(changes.read(2).changes[0].link)
        home.empty()
    assert len({*links, ""}) == 4


def test_a_history_that_lost_something_takes_nothing_that_comes_after_it(home, changes):
    """Emptied, begun anew or set back: what is ordered now would count as ordered before what is to come back."""
    changes.append(record("a"))
    saved = home.save()
    changes.append(record("b"))
    page = changes.read(1)
    known = Known(page.epoch, 2, page.changes[0].link)
    assert changes.append_all([record("c")], after=known) == [3]
    home.rewind(saved)
    for _ in range(2):  # the second time there is another one at its place
        with pytest.raises(StoreError, match="it has lost changes, and what was ordered before comes first"):
            changes.append_all([record("d")], after=known)
        changes.append(record("x"))
    with pytest.raises(StoreError, match="it has lost changes"):
        changes.publish([record("d")], known)
    assert changes.append_all([record("d")], after=Known(page.epoch, 1, page.before)) == [3]
    home.empty()
    for before in (known, Known(page.epoch)):
        with pytest.raises(StoreError, match="it has lost changes"):
            changes.append_all([record("d")], after=before)
    changes.append(record("e"))
    with pytest.raises(StoreError, match="it has lost changes"):
        changes.append_all([record("d")], after=Known(page.epoch))


def test_fleets_do_not_see_each_other(home, changes):
    """Another fleet in the same store has changes of its own."""
    changes.append(record("a"))
    with opened(Store(url=home.url, name="other")) as other:
        assert other.changes.version() == 0


def test_waiting_ends_with_the_next_change(changes):
    """Whoever waits is woken by it, in a store that was empty too; there is nothing to wait for if there is one."""
    assert not changes.wait(0, 0.01)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(changes.wait, 0, 5)
        began = monotonic()
        changes.append(record("a"))
        assert waiting.result(5)
        assert monotonic() - began < 0.4
    assert changes.wait(0, 5)
    assert not changes.wait(1, 0.01)


def test_what_others_wrote_ends_waiting(home, changes):
    """They have connections of their own."""
    with ThreadPoolExecutor(1) as pool, opened(Store(url=home.url)) as other:
        waiting = pool.submit(changes.wait, 0, 5)
        other.changes.append(record("a"))
        assert waiting.result(5)
