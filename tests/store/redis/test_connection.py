"""Commands to real servers: right ones, slow ones, ones that are gone; and to whom an answer goes."""

import asyncio
import ssl
from contextlib import ExitStack
from time import monotonic

import pytest
import trustme

from guard.config import Store
from guard.store.errors import StoreError
from guard.store.redis.connection import AsyncConnection, Connection
from guard.store.redis.script import Script
from tests.support import valkey
from tests.support.between import Between

pytestmark = pytest.mark.slow

ECHO = Script("return ARGV[1]")


@pytest.fixture
def server():
    """A server of the test's own."""
    with valkey.server() as found:
        yield found


def to(port, **more):
    """What the configuration would say."""
    return Store(url=f"redis://127.0.0.1:{port}", **more)


def test_commands_and_scripts_are_answered(server):
    """A script that the server does not know yet is sent to it; then its digest is enough."""
    with Connection(to(server.port)) as connection:
        assert connection.call("INCR", "n") == 1
        assert [connection.run(ECHO, ["k"], ["a"]) for _ in range(2)] == [b"a", b"a"]
        connection.call("SCRIPT", "FLUSH")
        assert connection.run(ECHO, ["k"], ["b"]) == b"b"


async def test_event_loops_are_answered(server):
    """Likewise there, several at a time."""
    async with AsyncConnection(to(server.port)) as connection:
        asked = [connection.run(ECHO, ["k"], [number]) for number in range(50)]
        assert await asyncio.gather(*asked) == [b"%d" % number for number in range(50)]
        assert await connection.call("INCR", "n") == 1


def test_a_database_a_user_and_a_password_are_used(server):
    """What the URL says is what the server sees; a wrong password is told without it."""
    with valkey.asked(server) as client:
        client.execute_command("ACL", "SETUSER", "guard", "on", ">s3cret", "~*", "+@all")
        client.execute_command("ACL", "SETUSER", "default", "off")
    with Connection(Store(url=f"redis://guard@127.0.0.1:{server.port}/5", password="s3cret")) as connection:
        connection.call("SET", "k", "v")
        assert connection.call("CLIENT", "INFO").decode().find(" db=5 ") > 0
    for password in ("wr0ng", None):
        with Connection(to(server.port, password=password)) as connection, pytest.raises(StoreError) as caught:
            connection.call("GET", "k")
        assert "refuses the user or the password" in str(caught.value)
        assert "wr0ng" not in str(caught.value)


def test_tls_is_spoken_and_the_certificate_looked_at(server, tmp_path):
    """A server whose certificate an authority of `ca` signed is trusted, for its own name only."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    ca = str(tmp_path / "ca.pem")
    with Between(server.port, context) as between:
        with Connection(Store(url=f"rediss://127.0.0.1:{between.port}", ca=ca)) as connection:
            assert connection.call("INCR", "n") == 1
        for host, given in (("127.0.0.1", None), ("localhost", ca)):
            store = Store(url=f"rediss://{host}:{between.port}", ca=given)
            with Connection(store) as connection, pytest.raises(StoreError, match=r"certificate|mismatch"):
                connection.call("PING")


def test_a_server_that_is_gone_is_told_and_found_again(server):
    """The error names it; once it is back, the next command is answered."""
    port = server.port
    with Connection(to(port)) as connection:
        connection.call("PING")
        server.stop()
        with pytest.raises(StoreError, match=rf"the store 127\.0\.0\.1:{port}: it cannot be reached") as caught:
            connection.call("PING")
        assert caught.value.unsure
        with valkey.server(port=port):
            assert connection.call("INCR", "n") == 1


@pytest.mark.parametrize(
    ("set_up", "expected"),
    [
        (("CONFIG", "SET", "maxmemory", "1"), "it is full"),
        (("REPLICAOF", "127.0.0.1", "1"), "it is a replica"),
        (("CONFIG", "SET", "min-replicas-to-write", "1"), "it refuses"),
        (("SET", "n", "word"), "it refuses"),
    ],
)
def test_a_server_that_refuses_is_told(server, set_up, expected):
    """A command that was refused is known not to have been done."""
    with valkey.asked(server) as client:
        client.execute_command(*set_up)
    with Connection(to(server.port)) as connection, pytest.raises(StoreError, match=expected) as caught:
        connection.call("INCR", "n")
    assert not caught.value.unsure


def test_a_server_that_is_stopped_costs_no_more_than_the_timeout(server):
    """Whoever asks goes on after it, connected already or not."""
    with Connection(to(server.port, timeout=0.2)) as connection:
        connection.call("PING")
        with valkey.stopped(server):
            for _ in range(2):
                began = monotonic()
                with pytest.raises(StoreError, match=r"does not answer within 0\.2 seconds"):
                    connection.call("INCR", "n")
                assert monotonic() - began < 1.0


def test_an_answer_that_is_late_is_nobody_elses(server):
    """Each of many commands gets its own answer or none, while the network is slower than the timeout at times."""
    with Between(server.port) as between, Connection(to(between.port, timeout=0.1)) as connection:
        late = 0
        for number in range(60):
            between.delay = 0.15 if number % 3 == 0 else 0.0
            try:
                assert connection.run(ECHO, ["k"], [number]) == b"%d" % number
            except StoreError:
                late += 1
        assert late >= 15


def test_a_pause_of_the_server_crosses_no_answers(server):
    """The server itself holds its answers back, and gives them when nobody waits for them any more."""
    with Connection(to(server.port, timeout=0.1)) as connection, valkey.asked(server) as client:
        connection.run(ECHO, ["k"], ["first"])
        client.client_pause(400)
        late = 0
        for number in range(20):
            try:
                assert connection.run(ECHO, ["k"], [number]) == b"%d" % number
            except StoreError:
                late += 1
        assert 0 < late < 20


async def test_a_task_that_is_cancelled_crosses_no_answers(server):
    """Commands that are given up at any moment leave no answer behind for the ones after them."""
    with Between(server.port) as between:
        async with AsyncConnection(to(between.port)) as connection:
            await connection.run(ECHO, ["k"], ["first"])
            between.delay = 0.01
            given_up = 0
            for number in range(100):
                try:
                    answer = await asyncio.wait_for(connection.run(ECHO, ["k"], [number]), 0.0003 * number)
                    assert answer == b"%d" % number
                except TimeoutError:
                    given_up += 1
            assert 20 < given_up < 100
            asked = [connection.run(ECHO, ["k"], [number]) for number in range(20)]
            assert await asyncio.gather(*asked) == [b"%d" % number for number in range(20)]


async def test_an_event_loop_waits_no_longer_than_the_timeout(server):
    """A server that says nothing is told there too."""
    async with AsyncConnection(to(server.port, timeout=0.2)) as connection:
        await connection.call("PING")
        with valkey.stopped(server), pytest.raises(StoreError, match="does not answer"):
            await connection.call("INCR", "n")
        assert await connection.run(ECHO, ["k"], ["after"]) == b"after"


def test_a_cluster_answers_from_whichever_node_has_the_key():
    """One node is enough to find the others; keys in one slot can be worked on together."""
    with valkey.cluster() as nodes:
        store = Store(url=f"redis+cluster://127.0.0.1:{nodes[0].port}")
        with Connection(store) as connection:
            for fleet in "abcdef":
                assert connection.run(ECHO, [f"x:{{{fleet}}}:1", f"x:{{{fleet}}}:2"], [fleet]) == fleet.encode()
                assert connection.call("INCR", f"x:{{{fleet}}}:1") == 1


async def test_a_cluster_answers_event_loops():
    """Likewise there."""
    with valkey.cluster() as nodes:
        async with AsyncConnection(Store(url=f"redis+cluster://127.0.0.1:{nodes[1].port}")) as connection:
            for fleet in "abcdef":
                assert await connection.run(ECHO, [f"x:{{{fleet}}}:1"], [fleet]) == fleet.encode()


def test_a_cluster_that_is_gone_is_told_and_found_again():
    """None of its nodes answers: that is an error; when they do again, the next command is answered."""
    with valkey.cluster() as nodes:
        store = Store(url=f"redis+cluster://127.0.0.1:{nodes[0].port}", timeout=0.2)
        with ExitStack() as stack, Connection(store) as connection:
            for node in nodes:
                stack.enter_context(valkey.stopped(node))
            with pytest.raises(StoreError, match="the store 127"):
                connection.call("INCR", "n")
        with Connection(store) as connection:
            valkey.until(lambda: answered(connection))


def answered(connection):
    """Whether a command is answered now."""
    try:
        connection.call("INCR", "n")
    except StoreError:
        return False
    return True


def test_a_sentinel_leads_to_whichever_server_takes_changes(tmp_path):
    """When the one dies, the other takes over, and commands go there; what was written is there too."""
    with valkey.watched(tmp_path) as fleet:
        store = Store(url=f"redis+sentinel://127.0.0.1:{fleet.sentinel}/fleet", timeout=0.5)
        with Connection(store) as connection:
            assert connection.call("INCR", "n") == 1
            with valkey.asked(fleet.replica) as client:
                valkey.until(lambda: client.get("n") == "1")
            fleet.primary.terminate()
            with pytest.raises(StoreError):
                connection.call("INCR", "other")
            valkey.until(lambda: answered(connection))
            assert connection.call("GET", "n") == b"2"


async def test_a_sentinel_leads_event_loops_too(tmp_path):
    """Likewise there; a service that it does not know is an error."""
    with valkey.watched(tmp_path) as fleet:
        async with AsyncConnection(Store(url=f"redis+sentinel://127.0.0.1:{fleet.sentinel}/fleet")) as connection:
            assert await connection.call("INCR", "n") == 1
        async with AsyncConnection(Store(url=f"redis+sentinel://127.0.0.1:{fleet.sentinel}/other")) as connection:
            with pytest.raises(StoreError, match="other"):
                await connection.call("INCR", "n")
