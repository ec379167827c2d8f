"""The changes of a fleet, in a real Valkey."""

from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import orjson
import pytest

from guard.changes import VersionError
from guard.config import Store
from guard.store.changes import BATCH, Changes
from guard.store.connection import Connection
from guard.store.errors import StoreError
from tests.support import valkey


@pytest.fixture
def server():
    """A server of the test's own."""
    with valkey.server() as found:
        yield found


@pytest.fixture
def changes(server):
    """Those of a fleet."""
    with Connection(Store(url=server.connection_url)) as connection:
        yield Changes(connection)


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


def test_waiting_ends_with_the_next_change(server, changes):
    """Whoever waits is woken by it, in a store that was empty too; there is nothing to wait for if there is one."""
    assert not changes.wait(0, 0.01)
    with ThreadPoolExecutor(1) as pool, valkey.asked(server) as client:
        waiting = pool.submit(changes.wait, 0, 5)
        valkey.until(lambda: client.info("clients")["blocked_clients"] == 1)
        began = monotonic()
        changes.append(record("a"))
        assert waiting.result(5)
        assert monotonic() - began < 0.4
    assert changes.wait(0, 5)
    assert not changes.wait(1, 0.01)


def test_a_history_has_a_word_of_its_own(server, changes):
    """A store that was emptied has another one, and counts from the beginning."""
    changes.append(record("a"))
    first = changes.epoch()
    changes.append(record("b"))
    assert changes.epoch() == first != ""
    with valkey.asked(server) as client:
        client.flushall()
    assert (changes.version(), changes.epoch()) == (0, "")
    assert changes.append(record("b")) == 1
    assert changes.epoch() not in ("", first)


def test_a_link_tells_histories_apart(server, changes):
    """The same change at the same version has another link if what came before it was other, or in another order."""
    links = []
    for before in ("ab", "ba", "ac"):
        changes.publish([record(id_) for id_ in before])
        changes.append(record("z"))
        links.append(changes.read(2).changes[0].link)
        with valkey.asked(server) as client:
            client.flushall()
    assert len({*links, ""}) == 4


def test_a_part_that_is_lost_is_made_anew(server, changes):
    """Without the stream nothing is known; without the ids they are found in the stream."""
    changes.publish([record("a"), record("b")])
    with valkey.asked(server) as client:
        client.delete("guard:{guard}:ids")
        assert changes.append(record("b")) == 2
        client.delete("guard:{guard}:changes")
    assert changes.known(["a", "b"]) == ("", {})
    assert changes.publish([record("b"), record("a")]) == (changes.epoch(), {"b": 1, "a": 2})


@pytest.mark.parametrize(
    "entry", [{"x": "y"}, {"id": "z", "record": "no json"}, {"id": "z", "record": '{"id":"z"}', "link": "l"}]
)
def test_what_is_no_change_is_told_as_none(server, changes, entry):
    """Somebody else's entry has a version and no record; the next change comes after it."""
    changes.append(record("a"))
    with valkey.asked(server) as client:
        client.xadd("guard:{guard}:changes", entry, id="7-3")
    assert changes.append(record("b")) == 8
    found = changes.read(0).changes
    assert [(one.version, one.record is None) for one in found] == [(1, False), (7, True), (8, False)]
    assert not changes.wait(8, 0.01)
    assert changes.read(7).before == found[1].link


def test_members_that_are_a_logs_own_do_not_come_from_the_store(server, changes):
    """Whoever writes to the store cannot say what number or chain a record has in a machine's log."""
    line = orjson.dumps(record("a", seq=7, chain="c", store=3, kind="segment")).decode()
    with valkey.asked(server) as client:
        client.xadd("guard:{guard}:changes", {"id": "a", "record": line}, id="1-0")
    assert changes.read(0).changes[0].record == {"kind": "change", **record("a")}


def test_fleets_do_not_see_each_other(server, changes):
    """Another fleet in the same store has changes of its own."""
    changes.append(record("a"))
    with Connection(Store(url=server.connection_url, name="other")) as connection:
        assert Changes(connection).version() == 0


def test_a_store_that_is_full_takes_nothing(server, changes):
    """The change that it refuses is not there by half; what is there can be read; with room it goes on."""
    with valkey.asked(server) as client:
        client.config_set("maxmemory", 1)
        with pytest.raises(StoreError, match="it is full"):
            changes.append(record("a"))
        client.config_set("maxmemory", 0)
        changes.append(record("a"))
        client.config_set("maxmemory", 1)
        with pytest.raises(StoreError, match="it is full"):
            changes.append(record("b"))
        assert changes.known(["a", "b"]).versions == {"a": 1}
        assert [one.id for one in changes.read(0).changes] == ["a"]
        client.config_set("maxmemory", 0)
    assert changes.append(record("b")) == 2


def test_keys_are_as_they_are_documented(server, changes):
    """Whoever looks with other tools finds the stream, its entries in JSON, the ids and the word."""
    changes.append(record("a"))
    with valkey.asked(server) as client:
        ((id_, fields),) = client.xrange("guard:{guard}:changes")
        assert (id_, fields["id"], orjson.loads(fields["record"])) == ("1-0", "a", record("a"))
        assert client.hgetall("guard:{guard}:ids") == {"a": "1"}
        assert client.get("guard:{guard}:epoch") == changes.epoch()
