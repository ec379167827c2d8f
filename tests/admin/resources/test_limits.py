"""Limits."""

import pytest
from msgspec.structs import replace

from guard.config import Limit
from tests.support.admin import REASON, admin


async def test_a_limit_is_set_replaced_and_taken_back(tmp_path):
    """For one subject, and for all of a kind."""
    async with admin(tmp_path) as api, api.client("operator") as client:
        one = {"per": "account", "what": "requests", "amount": "100/min", "subject": "acme", **REASON}
        every = {"per": "address", "what": "concurrency", "amount": "8", **REASON}
        for given in (one, every, {**one, "amount": "50/min", "burst": 5}):
            assert (await client.post("/v1/limits", json=given)).status_code == 201
        found = (await client.get("/v1/limits")).json()["items"]
        assert [(each["subject"], each["amount"], each["burst"]) for each in found] == [
            ("acme", "50/min", 5),
            (None, "8", None),
        ]
        assert (await client.get("/v1/limits/account/requests/acme")).json() == found[0]
        assert (await client.get("/v1/limits/account/requests")).status_code == 404
        assert (await client.delete("/v1/limits/account/requests/acme", params=REASON)).status_code == 200
        assert (await client.delete("/v1/limits/address/concurrency", params=REASON)).status_code == 200
        assert (await client.get("/v1/limits")).json()["items"] == []


@pytest.mark.parametrize(
    ("what", "amount"),
    [("requests", "8"), ("requests", "0/s"), ("tokens", "1/year"), ("concurrency", "8/s"), ("cost", "0/h")],
)
async def test_amounts_that_are_none_are_refused(tmp_path, what, amount):
    """It is told what could stand there."""
    async with admin(tmp_path) as api, api.client("operator") as client:
        given = {"per": "client", "what": what, "amount": amount, **REASON}
        answer = await client.post("/v1/limits", json=given)
        assert (answer.status_code, answer.json()["errors"][0]["where"]) == (422, "amount")


async def test_those_of_the_configuration_are_told(tmp_path):
    """Apart from those that were ordered."""
    async with admin(tmp_path) as api, api.client("viewer") as client:
        limits = (Limit(per="client", requests="60/min", burst=5, concurrency=3),)
        api.desk.config = replace(api.desk.config, limits=limits)
        assert (await client.get("/v1/limits/configured")).json()["items"] == [
            {"per": "client", "subject": None, "what": "requests", "amount": "60/min", "burst": 5},
            {"per": "client", "subject": None, "what": "concurrency", "amount": "3", "burst": None},
        ]


async def test_how_much_is_used(tmp_path):
    """Of each limit that somebody has; who is nobody is told, and so is what cannot be read."""
    async with admin(tmp_path) as api, api.client("operator") as client:
        await client.post(
            "/v1/limits", json={"per": "route", "subject": "/v1/", "what": "requests", "amount": "9/s", **REASON}
        )
        used = await client.get("/v1/usage", params={"per": "route", "subject": "/v1/"})
        assert used.json() == {"items": [{"what": "requests", "amount": "9/s", "used": 0.0, "left": 1.0}]}
        assert (await client.get("/v1/usage?per=global")).json() == {"items": []}
        for query in ("per=client", "per=global&subject=x", "per=address&subject=here"):
            assert (await client.get(f"/v1/usage?{query}")).status_code == 422
        for query in ("", "per=somebody", "per=client&subject="):
            assert (await client.get(f"/v1/usage?{query}")).status_code == 400
        (tmp_path / "limits").mkdir()
        (tmp_path / "limits" / "table").write_bytes(b"nonsense")
        broken = await client.get("/v1/usage?per=global")
        assert (broken.status_code, broken.json()["type"]) == (503, "urn:guard:problem:usage")
