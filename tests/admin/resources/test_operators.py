"""Operators."""

from tests.support.admin import REASON, admin


async def test_an_operator_is_listed_without_their_token(tmp_path):
    """It is told once, to who made them, and nowhere else."""
    async with admin(tmp_path) as api, api.client() as client:
        given = {"name": "eve@example", "role": "analyst", **REASON}
        answer = await client.post("/v1/operators", json=given)
        token = answer.json()["token"]
        heard = [
            await client.get(path)
            for path in ("/v1/operators", "/v1/operators/eve@example", "/v1/changes", "/v1/measures", "/v1/status")
        ]
        async with api.client(None, headers={"authorization": f"Bearer {token}"}) as eve:
            assert (await eve.get("/v1/changes")).status_code == 200
            assert (await eve.get("/v1/operators")).status_code == 403
        (record,) = answer.json()["changes"]
        assert "token" not in record["change"]
        assert heard[1].json()["role"] == "analyst"
        assert not [one for one in heard if token in one.text]
        assert (await client.delete("/v1/operators/eve@example", params=REASON)).status_code == 200
        assert (await client.delete("/v1/operators/eve@example", params=REASON)).status_code == 404


async def test_a_preview_tells_nothing_of_tokens(tmp_path):
    """Neither of the one that would count, nor of the one that does."""
    async with admin(tmp_path) as api, api.client() as client:
        given = {"name": "a-viewer", "role": "viewer", **REASON}
        answer = await client.post("/v1/operators", json=given, params={"dry_run": "true"})
        (row,) = answer.json()["preview"]
        assert row["effect"] == "replaces"
        assert "token" not in answer.text


async def test_names_are_names(tmp_path):
    """What could not be typed is refused."""
    async with admin(tmp_path) as api, api.client() as client:
        for name in ("", " ", "a b", "é", "-x", "x" * 65):
            answer = await client.post("/v1/operators", json={"name": name, "role": "viewer", **REASON})
            assert answer.status_code == 422
