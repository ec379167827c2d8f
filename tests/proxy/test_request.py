"""The request as the model gets it."""

from __future__ import annotations

from guard.assembly import make_policy
from guard.proxy.request import REMEMBERED_VERSIONS
from tests.support.guard import guard, one_model, raw_request
from tests.support.model import model
from tests.support.raw import connected


async def test_the_request_to_the_model_is_built_anew(tmp_path):
    """Hop-by-hop headers, those that Connection lists, and forwarding headers end here; the rest goes through."""
    async with model() as served, guard(tmp_path, one_model(served.url)) as running:
        await running.chat(
            headers={
                "connection": "x-listed, keep-alive", "x-listed": "1", "te": "trailers", "x-forwarded-for": "192.0.2.1",
                "x-guard-id": "forged", "authorization": "Bearer sk-1", "openai-organization": "org",
            }
        )  # fmt: skip
    names = [name for name, _ in served.calls[0].headers]
    assert len(names) == len(set(names))
    assert served.calls[0].header(b"authorization") == b"Bearer sk-1"
    assert served.calls[0].header(b"openai-organization") == b"org"
    assert served.calls[0].header(b"host") == served.url.removeprefix("http://").encode()
    assert served.calls[0].header(b"via") == b"1.1 guard"
    assert served.calls[0].header(b"accept-encoding") == b"identity"
    assert served.calls[0].header(b"x-guard-id") not in {None, b"forged"}
    assert not {b"x-listed", b"te", b"connection", b"x-forwarded-for", b"transfer-encoding"} & set(names)


async def test_a_version_s_own_key_replaces_the_client_s(tmp_path):
    """With a key of its own, a version never sees what the client authenticated with."""
    async with model() as served:
        text = one_model(served.url).replace('"}', '", key: sk-own, name: real-name}')
        async with guard(tmp_path, text) as running:
            await running.chat(headers={"authorization": "Bearer sk-client", "x-api-key": "sk-client"})
            [exchange] = await running.journal()
    assert served.calls[0].header(b"authorization") == b"Bearer sk-own"
    assert b"sk-client" not in served.calls[0].head
    assert served.calls[0].document["model"] == "real-name"
    assert "sk-client" not in str(exchange)


async def test_a_connection_remembers_few_versions(tmp_path):
    """Each policy has versions of its own; a connection that outlives many policies does not keep all of them."""
    async with (
        model() as served,
        guard(tmp_path, one_model(served.url)) as running,
        connected(running.port) as client,
    ):
        for version in range(2, 2 * REMEMBERED_VERSIONS):
            await client.send(raw_request({"model": "m-1", "messages": [{"role": "user", "content": "hi"}]}))
            assert (await client.answer()).headers[b"x-guard-policy"] == b"%d" % (version - 1)
            [connection] = running.proxy.connections
            assert 1 <= len(connection.reader.head.for_model) <= REMEMBERED_VERSIONS
            running.proxy.adopt(make_policy(running.config, version))
