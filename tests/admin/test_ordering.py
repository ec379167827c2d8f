"""Orders out of calls."""

from guard.custody.workers import Running, acknowledge
from guard.journal.slot import claim
from tests.support.admin import REASON, admin


async def test_an_order_tells_who_has_it(tmp_path, monkeypatch):
    """How many workers run, which are late and why, and after what time."""
    monkeypatch.setattr("guard.control.force.RULES_SECONDS", 0.05)
    async with admin(tmp_path) as api, api.client("operator") as client:
        with claim(api.desk.journal), claim(api.desk.journal):
            acknowledge(tmp_path, Running("w1", 1, 99, 99))
            acknowledge(tmp_path, Running("w2", 2, 0, 1))
            answer = await client.post("/v1/rules", json={"literal": "evil", **REASON})
    told = answer.json()
    assert (told["workers"], told["late"]) == (2, [{"log": "w2", "fault": ""}])
    assert told["seconds"] >= 0.05
    assert answer.headers["etag"] == f'"{told["version"]}"'


async def test_a_dry_run_changes_nothing(tmp_path):
    """It tells what would be new, replaced or taken back, and what there is now."""
    async with admin(tmp_path) as api, api.client("operator") as client:
        block = {"kind": "ip", "value": "192.0.2.1", **REASON}
        query = {"dry_run": "true"}
        (new,) = (await client.post("/v1/blocks", json=block, params=query)).json()["preview"]
        assert (new["effect"], new["now"]) == ("adds", None)
        assert (await client.get("/v1/blocks")).json()["items"] == []
        await client.post("/v1/blocks", json=block)
        (there,) = (await client.post("/v1/blocks", json=block, params=query)).json()["preview"]
        assert (there["effect"], there["now"]["reason"]) == ("replaces", "a test")
        gone = await client.delete("/v1/blocks/ip/192.0.2.1", params={**query, **REASON})
        assert gone.json()["preview"][0]["effect"] == "removes"
        assert (await client.get("/v1/blocks/ip/192.0.2.1")).status_code == 200
        late = await client.post("/v1/blocks", json=block, params=query, headers={"if-match": '"1"'})
        assert late.status_code == 412


async def test_changes_come_together_or_not_at_all(tmp_path):
    """One that is wrong is named, and none is placed."""
    async with admin(tmp_path) as api, api.client("operator") as client:
        good = {"type": "block", "kind": "ip", "value": "192.0.2.1"}
        bad = {"type": "switch", "model": "chat", "version": "v9"}
        answer = await client.post("/v1/changes", json={"changes": [good, bad], **REASON})
        assert answer.status_code == 404
        assert answer.json()["errors"][0]["where"] == "changes[1].version"
        assert (await client.get("/v1/measures")).json()["items"] == []
        answer = await client.post("/v1/changes", json={"changes": [good, {**bad, "version": "v2"}], **REASON})
        assert len(answer.json()["changes"]) == 2
