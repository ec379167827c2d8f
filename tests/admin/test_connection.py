"""Callers that are slow, or many."""

import asyncio

import pytest

from guard.admin import connection, gate
from tests.support.admin import admin


async def closed(reader):
    """Wait until the other side has closed; what it said before."""
    async with asyncio.timeout(10):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


CALL = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"


@pytest.mark.parametrize(("before", "said"), [(b"", b""), (b"", CALL[:-2]), (CALL, CALL[:3])])
async def test_a_head_has_its_time(tmp_path, monkeypatch, before, said):
    """Of the first call, and of each later one; silence is no call."""
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.3)
    async with admin(tmp_path) as api:
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        if before:
            writer.write(before)
            assert await reader.readuntil(b"}")
        writer.write(said)
        assert await closed(reader) == b""
        writer.close()
        async with api.client(None) as client:
            assert (await client.get("/healthz")).status_code == 200


async def test_a_body_has_its_time(tmp_path, monkeypatch):
    """Then it is over."""
    monkeypatch.setattr(gate, "BODY_SECONDS", 0.2)
    async with admin(tmp_path) as api:
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        head = (
            f"POST /v1/blocks HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {api.tokens['operator']}\r\n"
            "content-type: application/json\r\ncontent-length: 100\r\n\r\n{"
        )
        writer.write(head.encode())
        assert (await closed(reader)).startswith(b"HTTP/1.1 408 ")
        writer.close()


async def test_an_answer_is_taken_or_given_up(tmp_path, monkeypatch):
    """Who reads nothing of it does not keep it in memory for ever."""
    monkeypatch.setattr(connection, "WRITE_SECONDS", 0.2)
    async with admin(tmp_path) as api:
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port, limit=1)
        call = f"GET /openapi.json HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {api.tokens['viewer']}\r\n\r\n"
        async with asyncio.timeout(10):
            with pytest.raises(ConnectionError):
                await flood(writer, call.encode() * 20)
        writer.close()
        reader.feed_eof()


async def flood(writer, call):
    """Call, and read nothing, until the connection is gone."""
    while True:
        writer.write(call)
        await asyncio.sleep(0.05)
        await writer.drain()


@pytest.mark.parametrize("bound", ["MOST", "MOST_EACH"])
async def test_there_are_only_so_many(tmp_path, monkeypatch, bound):
    """One more, of all or of one address, is closed at once, and those that are there go on."""
    monkeypatch.setattr(connection, bound, 2)
    async with admin(tmp_path) as api, api.client(None) as client:
        assert (await client.get("/healthz")).status_code == 200
        second = await asyncio.open_connection("127.0.0.1", api.port)
        third = await asyncio.open_connection("127.0.0.1", api.port)
        assert await closed(third[0]) == b""
        assert (await client.get("/healthz")).status_code == 200
        for _, writer in (second, third):
            writer.close()


async def test_one_address_does_not_keep_others_out(tmp_path, monkeypatch):
    """Whatever it has open."""
    monkeypatch.setattr(connection, "MOST_EACH", 1)
    async with admin(tmp_path) as api, api.client(None) as client:
        writers = [(await asyncio.open_connection("127.0.0.1", api.port, local_addr=("127.0.0.2", 0)))[1]]
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port, local_addr=("127.0.0.2", 0))
        assert await closed(reader) == b""
        assert (await client.get("/healthz")).status_code == 200
        for one in (*writers, writer):
            one.close()
