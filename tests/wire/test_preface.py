import asyncio
import logging
import socket
import ssl
from contextlib import suppress

import pytest

from guard.config import Http, Tls
from guard.wire.networks import Networks
from guard.wire.preface import Entrance
from guard.wire.proxy_protocol import V2_SIGNATURE
from guard.wire.tls import fingerprint, server_context
from tests.support.certificates import Certificates, sha256
from tests.support.raw import connected
from tests.support.service import Service, served

LOCAL = Networks(["127.0.0.0/8"])
ELSEWHERE = Networks(["10.0.0.0/8"])
HEADER = b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\r\n"
BINARY = V2_SIGNATURE + bytes.fromhex("2111000f cb007109 c0000201 1267 01bb 040000")
GET = b"GET /%d HTTP/1.1\r\nhost: g\r\n\r\n"


@pytest.fixture
def files(tmp_path):
    """An authority and the listener's certificate."""
    return Certificates(tmp_path)


def entrance(files=None, balancers=None, **clients) -> Entrance:
    """A way in: with TLS if there are files, with PROXY headers if there are balancers."""
    tls = Tls(certificate=str(files.certificate), key=str(files.key), **clients) if files else Tls()
    return Entrance(server_context(tls), balancers)


@pytest.mark.parametrize(
    ("header", "peer"),
    [
        (HEADER, "203.0.113.9"),
        (b"PROXY TCP6 2001:db8::7 ::1 4711 443\r\n", "2001:db8::7"),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
        (BINARY, "203.0.113.9"),
        (V2_SIGNATURE + b"\x20\x00\x00\x00", "127.0.0.1"),
    ],
)
async def test_the_header_tells_the_peer(header, peer):
    """Each request of the connection comes from whom the header names, or the peer; requests may come with it."""
    service = Service()
    async with served(service, entrance(balancers=LOCAL)) as server, connected(server.port) as client:
        await client.send(header + GET % 1 + GET % 2)
        assert [(await client.answer()).body for _ in range(2)] == [b"GET /1 ", b"GET /2 "]
        await client.send(GET % 3)
        assert (await client.answer()).body == b"GET /3 "
        assert {connection.peer for connection in service.connections} == {peer}
    assert [one.peer for one in service.completed] == [peer] * 3


@pytest.mark.parametrize("header", [HEADER, BINARY])
async def test_the_header_may_come_in_any_two_pieces(header):
    """Where it is cut does not matter."""
    service = Service()
    async with served(service, entrance(balancers=LOCAL)) as server:
        data = header + GET % 1
        for cut in range(1, len(header) + 3):
            async with connected(server.port) as client:
                client.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                await client.send(data[:cut])
                await asyncio.sleep(0)
                await client.send(data[cut:])
                assert (await client.answer()).body == b"GET /1 "
    assert {one.peer for one in service.completed} == {"203.0.113.9"}


@pytest.mark.parametrize(
    "data", [GET % 1, b"PROXY TCP4 no\r\n", b"PROXY " + b"x" * 200, V2_SIGNATURE + b"\x21\x11\xff\xff", HEADER[1:]]
)
async def test_a_bad_header_ends_the_connection_without_an_answer(data, caplog):
    """Who must send a header and does not is not answered; the log says who and what."""
    service = Service()
    async with served(service, entrance(balancers=LOCAL)) as server, connected(server.port) as client:
        await client.send(data)
        assert await client.last_words() == b""
        assert server.state.connections == set()
    assert service.handlers == []
    assert [record.message for record in caplog.records if "PROXY header" in record.message] != []


@pytest.mark.parametrize("header", [HEADER, BINARY])
async def test_a_stranger_s_header_is_a_bad_request(header):
    """A peer that is no trusted proxy speaks HTTP from the first byte, and what it claims is not believed."""
    service = Service()
    async with served(service, entrance(balancers=ELSEWHERE)) as server:
        async with connected(server.port) as client:
            await client.send(header + GET % 1)
            assert (await client.answer()).status == 400
        async with connected(server.port) as client:
            await client.send(GET % 1)
            assert (await client.answer()).status == 200
    assert {one.exchange.peer for one in service.handlers} == {"127.0.0.1"}


@pytest.mark.parametrize("data", [b"", HEADER[:20], BINARY[:20], HEADER, HEADER + b"\x16\x03\x01"])
async def test_a_slow_beginning_is_broken_off(files, data, caplog):
    """Header and handshake together have the time that a request's head has."""
    caplog.set_level(logging.INFO)
    service = Service(Http(header_timeout=0.05))
    async with served(service, entrance(files, LOCAL)) as server, connected(server.port) as client:
        await client.send(data)
        assert await client.last_words() == b""
    assert ("PROXY header did not come in time" in caplog.text) == (not data.startswith(HEADER))
    assert ("TLS handshake took too long" in caplog.text) == data.startswith(HEADER)


async def test_who_is_only_beginning_does_not_hold_up_a_stop(files):
    """A connection in its preface is closed when the server drains; one that left is forgotten."""
    async with served(Service(), entrance(files, LOCAL)) as server:
        async with connected(server.port) as client:
            await client.send(HEADER)
            while not server.state.connections:
                await asyncio.sleep(0)
            for connection in list(server.state.connections):
                connection.shutdown()
            assert await client.last_words() == b""
        async with connected(server.port) as client:
            await client.send(HEADER[:10])
            while not server.state.connections:
                await asyncio.sleep(0)
        while server.state.connections:
            await asyncio.sleep(0)


async def test_requests_under_tls(files):
    """Requests in turn, pipelined and with a large body, under TLS 1.2 and 1.3; the protocol agreed on is HTTP/1.1."""
    service = Service()
    async with served(service, entrance(files)) as server:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = files.trusting()
            context.maximum_version = version
            context.set_alpn_protocols(["h2", "http/1.1"])
            async with connected(server.port, ssl=context) as client:
                assert client.writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
                await client.send(GET % 1 + GET % 2)
                assert [(await client.answer()).body for _ in range(2)] == [b"GET /1 ", b"GET /2 "]
                body = b"x" * 1_000_000
                await client.send(b"POST /3 HTTP/1.1\r\nhost: g\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
                assert (await client.answer()).body == b"POST /3 " + body
    assert {one.peer for one in service.completed} == {"127.0.0.1"}


async def test_who_speaks_no_tls_is_not_served(files, caplog):
    """Plain HTTP, old versions and garbage end the handshake; nothing reaches HTTP, and no fault is logged."""
    service = Service()
    old = files.trusting()
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = old.minimum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    async with served(service, entrance(files)) as server:
        for data in (GET % 1, HEADER, b"\x16\x03\x01\x00\x05hello", b"\0" * 100_000):
            async with connected(server.port) as client:
                await client.send(data)
                assert b"HTTP" not in await client.last_words()
        with pytest.raises((ssl.SSLError, ConnectionError)):
            async with connected(server.port, ssl=old):
                pass
        while server.state.connections:
            await asyncio.sleep(0)
    assert service.handlers == []
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


@pytest.mark.parametrize("header", [HEADER, BINARY])
async def test_tls_begins_behind_the_header(files, header):
    """A balancer's header comes in the clear before the handshake, in segments of their own."""
    service = Service()
    async with served(service, entrance(files, LOCAL)) as server, connected(server.port) as client:
        await client.send(header)
        await client.writer.start_tls(files.trusting(), server_hostname="localhost")
        await client.send(GET % 1)
        assert (await client.answer()).body == b"GET /1 "
    assert [one.peer for one in service.completed] == ["203.0.113.9"]


@pytest.mark.parametrize("header", [HEADER, BINARY])
@pytest.mark.parametrize("cut", [None, 1, 20, 60])
async def test_the_handshake_may_begin_in_the_header_s_segment(files, header, cut):
    """However the segments fall, the bytes of the handshake that came with the header are not lost."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = files.trusting().wrap_bio(incoming, outgoing, server_hostname="localhost")
    service = Service()
    async with served(service, entrance(files, LOCAL)) as server, connected(server.port) as client:

        async def step(act):
            while True:
                try:
                    return act()
                except ssl.SSLWantReadError:
                    await client.send(outgoing.read())
                    incoming.write(await client.reader.read(65_536))

        with pytest.raises(ssl.SSLWantReadError):
            session.do_handshake()
        data = header + outgoing.read()
        await client.send(data[:cut])
        await asyncio.sleep(0.01)
        await client.send(data[len(data[:cut]) :])
        incoming.write(await client.reader.read(65_536))
        await step(session.do_handshake)
        session.write(GET % 1)
        assert b"GET /1 " in await step(lambda: session.read(1_000))
    assert [one.peer for one in service.completed] == ["203.0.113.9"]


async def test_a_client_s_certificate_is_known_to_the_connection(files):
    """Its fingerprint is there if it was shown and verified; what another authority signed ends the handshake."""
    leaf = files.authority.issue_cert("app")
    foreign = Certificates(files.ca.parent, "foreign").authority.issue_cert("app")
    for client, leaves in (("optional", {leaf: sha256(leaf), None: None}), ("required", {leaf: sha256(leaf)})):
        service = Service()
        async with served(service, entrance(files, client_ca=str(files.ca), client=client)) as server:
            for shown, expected in leaves.items():
                async with connected(server.port, ssl=files.trusting(shown)) as one:
                    await one.send(GET % 1)
                    assert (await one.answer()).status == 200
                    assert [connection.certificate for connection in service.connections] == [expected]
                while service.connections:
                    await asyncio.sleep(0)
            for refused in (foreign, *({None} - leaves.keys())):
                # TLS 1.3 tells a client that it is refused only with what it reads next.
                async with connected(server.port, ssl=files.trusting(refused)) as one:
                    await one.send(GET % 1)
                    assert await one.last_words() == b""
        assert len(service.completed) == len(leaves)


async def test_a_resumed_session_has_the_certificate_it_began_with(files):
    """A client that resumes a session is still whom its certificate named."""
    leaf = files.authority.issue_cert("app")
    service = Service()
    context = files.trusting(leaf)
    way = entrance(files, client_ca=str(files.ca))

    def ask(session):
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            context.wrap_socket(plain, server_hostname="localhost", session=session) as one,
        ):
            one.sendall(GET % 1)
            assert b"GET /1" in one.recv(1_000)
            return one.session_reused, one.session, [connection.certificate for connection in service.connections]

    async with served(service, way) as server:
        port = server.port
        _, session, _ = await asyncio.to_thread(ask, None)
        while service.connections:
            await asyncio.sleep(0.001)
        assert (await asyncio.to_thread(ask, session))[::2] == (True, [sha256(leaf)])
        way.tls = entrance(files, client_ca=str(files.ca)).tls
        assert (await asyncio.to_thread(ask, session))[0] is False


async def test_another_certificate_counts_for_connections_to_come(files):
    """Connections that are open go on under the old one."""
    service = Service()
    way = entrance(files)
    async with served(service, way) as server, connected(server.port, ssl=files.trusting()) as before:
        renewed = files.renew()
        way.tls = entrance(files).tls
        async with connected(server.port, ssl=files.trusting()) as after:
            shown = [fingerprint(one.writer.get_extra_info("ssl_object")) for one in (before, after)]
            assert shown[0] != shown[1] == renewed
            for one in (before, after):
                await one.send(GET % 1)
                assert (await one.answer()).status == 200


async def test_an_early_refusal_arrives_under_tls(files):
    """A client that is still sending what was refused gets the answer, whole, before the connection ends."""
    service = Service(Http(body_bytes=1_000))
    async with (
        served(service, entrance(files)) as server,
        connected(server.port, ssl=files.trusting()) as client,
    ):
        await client.send(b"POST / HTTP/1.1\r\nhost: g\r\ncontent-length: 3000000\r\n\r\n" + bytes(3_000_000))
        answer = await client.answer()
        assert (answer.status, answer.headers[b"connection"]) == (413, b"close")


async def test_a_close_is_told_under_tls(files):
    """After an answer that ends the connection the client sees the end, and nobody keeps the connection."""
    service = Service()
    async with (
        served(service, entrance(files)) as server,
        connected(server.port, ssl=files.trusting()) as client,
    ):
        await client.send(b"GET /1 HTTP/1.1\r\nhost: g\r\nconnection: close\r\n\r\n")
        assert (await client.rest()).endswith(b"GET /1 ")
        while service.connections or server.state.connections:
            await asyncio.sleep(0)


async def test_an_idle_connection_is_closed_soon_under_tls(files):
    """When the server drains, a client that does not say goodbye holds nothing up, and sees a clean end."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = files.trusting().wrap_bio(incoming, outgoing, server_hostname="localhost")
    service = Service()
    async with served(service, entrance(files)) as server, connected(server.port) as client:
        while not service.connections:
            with suppress(ssl.SSLWantReadError):
                session.do_handshake()
            await client.send(outgoing.read())
            incoming.write(await client.reader.read(65_536))
        for connection in list(server.state.connections):
            connection.shutdown()
            connection.shutdown()
        async with asyncio.timeout(3):
            while server.state.connections:
                await asyncio.sleep(0)
        incoming.write(await client.rest())
        assert session.read(1) == b""


async def test_who_is_only_beginning_counts_as_a_connection(files):
    """Handshakes that are not done are bounded by address, as connections are; when one ends there is room again."""
    service = Service(Http(connections_per_address=1))
    async with served(service, entrance(files)) as server:
        async with connected(server.port) as first:
            await service.until_counted(1)
            async with connected(server.port) as second:
                with suppress(ConnectionError):
                    assert await second.rest() == b""
            assert not first.reader.at_eof()
        await service.until_counted(0)
        async with connected(server.port, ssl=files.trusting()) as third:
            await third.send(GET % 1)
            assert (await third.answer()).status == 200
        await service.until_counted(0)


async def test_an_early_refusal_under_tls_has_an_end(files):
    """A client that is refused before its body is there, and reads to the end, is told the end when it falls silent."""
    service = Service(Http(body_bytes=10))
    async with served(service, entrance(files)) as server, connected(server.port, ssl=files.trusting()) as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 999999\r\n\r\n")
        async with asyncio.timeout(3):
            assert (await client.answer()).status == 413
            assert await client.rest() == b""
