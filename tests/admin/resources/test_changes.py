"""The history."""

from typing import get_args

from guard.admin.resources import changes
from guard.admin.shapes import Kind
from guard.control.mirror import OWN, SHARED
from guard.custody.control import append_all, change_record
from tests.support.admin import REASON, admin, pages


async def test_the_history_has_everything_in_both_orders(tmp_path):
    """Page by page, over several segments."""
    async with admin(tmp_path) as api, api.client("analyst") as client:
        for number in range(20):
            change = {"type": "block", "kind": "ip", "value": f"10.0.0.{number}"}
            append_all(api.desk.journal, [change_record(change, reason="r")], segment_bytes=1_000)
        for order in ("newest", "oldest"):
            found, cursor = [], None
            while True:
                more: dict[str, str] = {"cursor": cursor} if cursor else {}
                page = (await client.get("/v1/changes", params={"order": order, "limit": 7, **more})).json()
                found += [one["seq"] for one in page["items"]]
                cursor = page["next"]
                if cursor is None:
                    break
            assert found == sorted(found, reverse=order == "newest")
            assert len(found) == 24
            wrong = await client.get("/v1/changes", params={"order": order, "cursor": "x"})
            assert wrong.status_code == 422
        tag = (await client.get("/v1/changes")).headers["etag"]
        assert (await client.get("/v1/changes", headers={"if-none-match": tag})).status_code == 304


async def test_a_large_order_is_taken(tmp_path):
    """Ten thousand blocks at once come into force together."""
    async with admin(tmp_path) as api, api.client("operator") as client:
        changes = [{"type": "block", "kind": "ip", "value": f"10.1.{n // 250}.{n % 250}"} for n in range(10_000)]
        answer = await client.post("/v1/changes", json={"changes": changes, **REASON})
        assert answer.status_code == 201
        assert len(answer.json()["changes"]) == 10_000
        with api.desk.state() as state:
            assert len(state.blocks) == 10_000


async def test_changes_of_some_types_are_told(tmp_path, monkeypatch):
    """From either end; a page ends where enough was looked at, though there may be more."""
    monkeypatch.setattr(changes, "LOOKED_AT", 3)
    async with admin(tmp_path) as api, api.client("operator") as client:
        for number in range(3):
            await client.post("/v1/blocks", json={"kind": "ip", "value": f"192.0.2.{number}", **REASON})
            await client.post("/v1/routes", json={"action": "isolate", "model": "chat", **REASON})
        for order, expected in (("oldest", [5, 7, 9]), ("newest", [9, 7, 5])):
            found = await pages(client, "/v1/changes", order=order, type=["block", "unblock"], limit=2)
            assert [one["seq"] for page in found for one in page] == expected
            assert len(found) > 3
        assert (await client.get("/v1/changes?type=nothing")).status_code == 400


def test_every_kind_of_change_can_be_asked_for():
    """Also those that are about the journal."""
    assert set(get_args(Kind)) == SHARED | OWN
