"""Limits."""

import pytest

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
