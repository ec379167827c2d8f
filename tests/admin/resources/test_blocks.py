"""Blocks."""

from tests.support.admin import REASON, admin


async def test_a_caller_is_blocked_and_served_again(tmp_path):
    """Under one spelling, whichever is used; who ordered it, why and until when is told."""
    async with admin(tmp_path) as api, api.client("operator") as client:
        given = {"kind": "ip", "value": "203.0.113.7/24", "incident": "INC-1", "expires": 4_000_000_000.5, **REASON}
        assert (await client.post("/v1/blocks", json=given)).status_code == 201
        (listed,) = (await client.get("/v1/blocks")).json()["items"]
        assert (listed["kind"], listed["value"], listed["simulated"]) == ("ip", "203.0.113.0/24", False)
        assert (listed["actor"], listed["incident"], listed["expires"]) == ("a-operator", "INC-1", 4_000_000_000.5)
        for path in ("203.0.113.0/24", "203.0.113.0%2F24", "203.0.113.9/24"):
            assert (await client.get(f"/v1/blocks/ip/{path}")).json() == listed
        assert (await client.delete("/v1/blocks/ip/203.0.113.0%2F24", params=REASON)).status_code == 200
        assert (await client.get("/v1/blocks/ip/203.0.113.0/24")).status_code == 404


async def test_every_kind_of_caller(tmp_path):
    """Each can be blocked, listed and taken back."""
    callers = {
        "ip": "2001:db8::/32", "account": "acme", "client": "web", "key": "0" * 16, "session": "s/1", "agent": "curl/*",
    }  # fmt: skip
    async with admin(tmp_path) as api, api.client("operator") as client:
        for kind, value in callers.items():
            assert (await client.post("/v1/blocks", json={"kind": kind, "value": value, **REASON})).status_code == 201
        found = (await client.get("/v1/blocks")).json()["items"]
        assert {one["kind"]: one["value"] for one in found} == callers
        for kind, value in callers.items():
            assert (await client.delete(f"/v1/blocks/{kind}/{value}", params=REASON)).status_code == 200


async def test_the_world_is_blocked_by_who_means_it_only(tmp_path):
    """A network that is wider than anybody's needs a word more, in a dry run too."""
    async with admin(tmp_path) as api, api.client("operator") as client:
        given = {"kind": "ip", "value": "0.0.0.0/0", **REASON}
        for query in ({}, {"dry_run": "true"}):
            refused = await client.post("/v1/blocks", json=given, params=query)
            assert (refused.status_code, refused.json()["errors"][0]["where"]) == (422, "value")
        assert (await client.post("/v1/blocks", json={**given, "wide": True})).status_code == 201
        order = {"changes": [{"type": "block", "kind": "ip", "value": "::/0"}], **REASON}
        assert (await client.post("/v1/changes", json=order)).status_code == 422
