"""The table's paths as an application."""

from tests.support.admin import admin


async def test_every_path_is_behind_the_gate(tmp_path):
    """Also those that there are not: without a token nobody is told which there are."""
    async with admin(tmp_path) as api, api.client(None) as client:
        for path in ("/v1/blocks", "/v1/nothing", "/", "//healthz", "/healthz/"):
            assert (await client.get(path)).status_code == 401
        assert (await client.get("/healthz")).status_code == 200
