"""Models behind TLS: the guard talks to them only under a certificate that it trusts, for the name it asked for."""

from __future__ import annotations

import asyncio
import ssl

import pytest
import trustme

from guard.assembly import make_policy
from tests.support.guard import guard, one_model
from tests.support.model import Model, answer_chat


@pytest.mark.parametrize(
    ("host", "trusted", "status"),
    [
        ("localhost", True, 200),
        ("localhost", False, 502),
        ("127.0.0.1", True, 502),
    ],
)
async def test_a_model_s_certificate_is_verified(tmp_path, host, trusted, status):
    """The right name under a trusted authority is served; an unknown authority or another name is not."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    served = Model(answer_chat)
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0, ssl=context)
    text = one_model(f"https://{host}:{server.sockets[0].getsockname()[1]}")
    if trusted:
        text = text.replace('"}', f'", ca: {tmp_path / "ca.pem"}}}')
    try:
        async with guard(tmp_path, text) as running:
            for _ in range(2):
                answer = await running.chat()
                assert answer.status_code == status
            first, _ = await running.journal(2)
        assert served.connections == (1 if status == 200 else len(served.writers))
        if status == 502:
            assert "certificate verify failed" in first["attempts"][0]["error"].lower()
            assert served.calls == []
    finally:
        await end(served, server)


async def test_the_authorities_to_trust_may_change(tmp_path):
    """A policy put in force goes by what the file with certificates says by then, also where the guard has been."""
    authority = trustme.CA()
    trusted = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(trusted))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    served = Model(answer_chat)
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0, ssl=context)
    text = one_model(f"https://localhost:{server.sockets[0].getsockname()[1]}").replace('"}', f'", ca: {trusted}}}')
    try:
        async with guard(tmp_path, text) as running:
            assert (await running.chat()).status_code == 502
            authority.cert_pem.write_to_path(str(trusted))
            running.proxy.adopt(make_policy(running.config, 2))
            answer = await running.chat()
            assert (answer.status_code, answer.headers["x-guard-policy"]) == (200, "2")
    finally:
        await end(served, server)


async def end(served: Model, server: asyncio.Server) -> None:
    """Stop a model that listens under TLS."""
    server.close()
    for writer in served.writers:
        writer.transport.abort()
    await asyncio.gather(*served.tasks, return_exceptions=True)
