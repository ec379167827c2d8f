"""The rules in force."""

import threading

import pytest
from msgspec.structs import replace

from guard.admin.resources import rulebook
from guard.config import Rules
from guard.control.rulebook import rows
from tests.cli.rules.pushing import folder
from tests.support.admin import REASON, admin, pages


@pytest.fixture
def rules(tmp_path):
    """Three rules in a folder."""
    return Rules(dir=str(folder(tmp_path / "rules", "one", "two", "three")))


async def test_all_rules_are_listed_page_by_page(tmp_path, rules):
    """In the order of their files, then those that were added; a page whose rule is gone is none."""
    async with admin(tmp_path) as api, api.client("operator") as client:
        api.desk.config = replace(api.desk.config, rules=rules)
        await client.post("/v1/rules", json={"id": "x", "literal": "evil", **REASON})
        first, second = await pages(client, "/v1/rulebook", limit=3)
        assert first + second == rows(api.desk)
        assert [row["id"] for row in first + second] == ["one", "two", "three", "x"]
        next_ = (await client.get("/v1/rulebook", params={"limit": 1})).json()["next"]
        folder(tmp_path / "rules", "two")
        for wrong in (next_, "x", "W10"):
            answer = await client.get("/v1/rulebook", params={"cursor": wrong})
            assert (answer.status_code, answer.json()["errors"][0]["where"]) == (422, "query.cursor")


async def test_rules_that_are_not_here_are_told(tmp_path):
    """By their hash."""
    async with admin(tmp_path) as api, api.client("operator") as client:
        (tmp_path / "bundles").mkdir()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("guard.control.desk.Desk._check_rules", lambda *_: None)
            order = {"changes": [{"type": "push-rules", "bundle": "a" * 64}], **REASON}
            assert (await client.post("/v1/changes", json=order)).status_code == 201
        answer = await client.get("/v1/rulebook")
        assert answer.status_code == 404
        assert "push them again" in answer.json()["detail"]


async def test_the_way_back_is_told(tmp_path, rules, monkeypatch):
    """What an order would have to change; one is looked for at a time."""
    async with admin(tmp_path) as api, api.client("operator") as client:
        api.desk.config = replace(api.desk.config, rules=rules)
        assert (await client.get("/v1/rollback")).status_code == 404
        order = {"changes": [{"type": "disable-rule", "id": "one"}], **REASON}
        version = (await client.post("/v1/changes", json=order)).json()["version"]
        assert (await client.get("/v1/rollback")).json() == {
            "to": 0, "version": version, "gone": [],
            "steps": [{"change": {"type": "enable-rule", "id": "one"}, "expires": None, "told": "one is enabled"}],
        }  # fmt: skip
        assert (await client.get("/v1/rollback?to=99")).status_code == 404
        assert (await client.get("/v1/rollback?to=-1")).status_code == 400
        taken = threading.BoundedSemaphore(1)
        taken.acquire()
        monkeypatch.setattr(rulebook, "_looking_back", taken)
        assert (await client.get("/v1/rollback")).status_code == 429
