"""Documents in others' formats."""

from tests.support.admin import admin


async def test_metrics_are_for_who_gets_here(tmp_path):
    """In Prometheus' format; no token is needed, and none is in them."""
    async with admin(tmp_path) as api, api.client(None) as client:
        answer = await client.get("/metrics", headers={"accept": "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"})
        assert answer.status_code == 200
        assert "guard_info" in answer.text
        assert "guard_" + "a-viewer" not in answer.text


async def test_the_document_is_the_tables(tmp_path):
    """Every path of the table, as the listener serves it."""
    async with admin(tmp_path) as api, api.client("viewer") as client:
        answer = await client.get("/openapi.json", headers={"accept": "*/*"})
        assert answer.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.1"
        assert "/v1/blocks/{kind}/{value}" in answer.json()["paths"]
