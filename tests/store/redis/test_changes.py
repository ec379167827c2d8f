"""The changes of a fleet, in a real Valkey."""

from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import orjson
import pytest

from guard.config import Store
from guard.store.errors import StoreError
from guard.store.redis.changes import RedisChanges
from guard.store.redis.connection import Connection
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
        yield RedisChanges(connection)


def record(id_, **more):
    """A change that blocks somebody."""
    return {"id": id_, "at": 1.5, "actor": "ann", "reason": "r", "change": {"type": "block", "value": id_}, **more}


def test_who_waits_is_woken(server, changes):
    """The server says that there is a change, without being asked again."""
    with ThreadPoolExecutor(1) as pool, valkey.asked(server) as client:
        waiting = pool.submit(changes.wait, 0, 5)
        valkey.until(lambda: client.info("clients")["blocked_clients"] == 1)
        began = monotonic()
        changes.append(record("a"))
        assert waiting.result(5)
        assert monotonic() - began < 0.4


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
