"""The journal, for analysts."""

import pytest

from guard.admin.resources import journal
from tests.cli.running import exchange
from tests.support.admin import admin
from tests.support.journals import Log


def filled(api, count=10):
    """A journal with so many exchanges."""
    log = Log(api.desk.journal)
    for number in range(count):
        log.add(*exchange(f"id-{number}", at=100.0 + number, prompt=[f"hello {number}"]))


async def test_exchanges_are_found(tmp_path):
    """The newest first, by text and by filters; one of them whole."""
    async with admin(tmp_path) as api, api.client("analyst") as client:
        filled(api)
        found = (await client.get("/v1/journal", params={"limit": 3})).json()
        assert [one["id"] for one in found["items"]] == ["id-9", "id-8", "id-7"]
        assert (found["complete"], found["notes"]) == (True, [])
        found = (await client.get("/v1/journal?text=hello%204&account=acme&status=2xx")).json()
        assert [one["id"] for one in found["items"]] == ["id-4"]
        assert (await client.get("/v1/journal?account=other")).json()["items"] == []
        assert (await client.get("/v1/journal/id-4")).json()["prompt"] == ["hello 4"]
        assert (await client.get("/v1/journal/id-99")).status_code == 404
        for query in ("status=x", "end=never", "since=2&until=1", "address=nowhere"):
            assert (await client.get(f"/v1/journal?{query}")).status_code == 422


async def test_answers_are_bounded(tmp_path, monkeypatch):
    """In size, in time, and in how many searches there are at a time; it is told that there is more."""
    async with admin(tmp_path) as api, api.client("analyst") as client:
        filled(api)
        monkeypatch.setattr(journal, "MOST_BYTES", 2_000)
        found = (await client.get("/v1/journal")).json()
        assert found["complete"] is False
        assert 0 < len(found["items"]) < 10
        monkeypatch.setattr(journal, "SEARCH_SECONDS", -1.0)
        assert (await client.get("/v1/journal")).json()["complete"] is False
        assert journal._running.acquire(blocking=False)
        assert journal._running.acquire(blocking=False)
        try:
            answer = await client.get("/v1/journal")
        finally:
            journal._running.release(2)
        assert answer.status_code == 429


@pytest.mark.parametrize("role", ["viewer"])
async def test_it_is_not_for_everybody(tmp_path, role):
    """Prompts are for analysts."""
    async with admin(tmp_path) as api, api.client(role) as client:
        assert (await client.get("/v1/journal")).status_code == 403
