"""The admin listener."""

import asyncio
import socket

import httpx

from guard.admin import listener
from guard.config import AdminTls
from tests.support.admin import admin
from tests.support.certificates import Certificates


async def test_an_address_that_is_taken_is_tried_again(tmp_path, monkeypatch, caplog):
    """It is said once, and as soon as it is free the API is there."""
    monkeypatch.setattr(listener, "RETRY_SECONDS", 0.02)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        asyncio.get_running_loop().call_later(0.3, taken.close)
        async with admin(tmp_path, listen=address) as api, api.client(None) as client:
            assert (await client.get("/healthz")).status_code == 200
    assert caplog.text.count(f"cannot listen on {address}") == 1


async def test_it_speaks_tls(tmp_path):
    """With the certificate of the configuration, and nothing but TLS."""
    made = Certificates(tmp_path)
    files = AdminTls(certificate=str(made.certificate), key=str(made.key))
    async with admin(tmp_path, tls=files) as api:
        assert api.url.startswith("https://")
        async with httpx.AsyncClient(verify=made.trusting()) as client:
            assert (await client.get(f"{api.url}/healthz")).status_code == 200
            origin = {"origin": api.url}
            assert (await client.get(f"{api.url}/healthz", headers=origin)).status_code == 200
