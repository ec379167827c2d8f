"""The API from beginning to end."""

import asyncio

import httpx
import pytest

from tests.support.admin import admin


async def test_the_end_closes_what_is_open(tmp_path):
    """Streams end, and nothing listens any more."""
    async with (
        asyncio.timeout(20),
        admin(tmp_path) as api,
        api.client("analyst") as client,
        client.stream("GET", "/v1/events", params={"after": 0}) as answer,
    ):
        lines = answer.aiter_lines()
        await anext(lines)
        url = api.url
        api.end()
        await drained(lines)
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{url}/healthz")


async def drained(lines):
    """Read to the end."""
    async for _ in lines:
        pass
