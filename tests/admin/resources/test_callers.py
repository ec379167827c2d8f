"""Callers as orders name them."""

import time

from guard.custody.control import append_all, change_record
from tests.support.admin import admin


async def test_whom_there_can_be(tmp_path):
    """By the configuration, and no more of it than that."""
    async with admin(tmp_path) as api, api.client("viewer") as client:
        answer = await client.get("/v1/callers")
    assert answer.json() == {"clients": ["web"], "accounts": ["acme"], "sessions": True, "proxies": []}


async def test_how_often_somebody_was_blocked(tmp_path):
    """Also by blocks that are over; in whatever spelling one asks."""
    async with admin(tmp_path) as api, api.client("viewer") as client:
        block = {"type": "block", "kind": "ip", "value": "2001:db8::1"}
        past = time.time() - 60
        append_all(api.desk.journal, [change_record(block, reason="r", expires=past) for _ in range(2)])
        for value, earlier in (("2001:DB8:0::1", 2), ("192.0.2.1", 0)):
            answer = await client.get("/v1/offences", params={"kind": "ip", "value": value})
            assert answer.json() == {"earlier": earlier}
        assert (await client.get("/v1/offences", params={"kind": "ip", "value": "x"})).status_code == 422
        assert (await client.get("/v1/offences", params={"kind": "who", "value": "x"})).status_code == 400
