"""All that is in force."""

import pytest
from msgspec import convert

from guard.changes import AddOperator
from guard.custody.measures import Measure, State
from tests.support.admin import REASON, admin, pages


async def test_they_come_to_the_state_that_there_is(tmp_path):
    """Whoever has all of them knows what is in force; but nobody's token."""
    async with admin(tmp_path) as api, api.client() as client:
        changes = [
            {"type": "block", "kind": "ip", "value": "192.0.2.1"},
            {"type": "block", "kind": "session", "value": "x y"},
            {"type": "switch", "model": "chat", "version": "v2"},
            {"type": "offline"},
            {"type": "set-limit", "per": "client", "what": "tokens", "amount": "5/h"},
            {"type": "set-limit", "per": "client", "what": "tokens", "amount": "6/h", "subject": "web"},
            {"type": "add-rule", "id": "r", "literal": "evil"},
        ]
        assert (await client.post("/v1/changes", json={"changes": changes, **REASON})).status_code == 201
        items, cursor = [], None
        while True:
            more: dict[str, str] = {"cursor": cursor} if cursor else {}
            page = (await client.get("/v1/measures", params={"limit": 2, **more})).json()
            items += page["items"]
            cursor = page["next"]
            if cursor is None:
                break
        found = State()
        for measure in convert(items, list[Measure]):
            found.put(measure)
        with api.desk.state() as state:
            assert found.measures()._replace(version=state.version) == state.measures()
            assert found.operators.keys() == state.operators.keys()
        tokens = {one.change.token for one in found.operators.values() if isinstance(one.change, AddOperator)}
        assert tokens == {"0" * 64}


@pytest.mark.parametrize("role", ["viewer", "analyst", "operator"])
async def test_operators_are_a_commanders_to_know(tmp_path, role):
    """Others get all else, page by page, and nobody's name."""
    async with admin(tmp_path) as api, api.client() as commander, api.client(role) as client:
        blocks = [{"type": "block", "kind": "ip", "value": f"192.0.2.{number}"} for number in range(3)]
        assert (await commander.post("/v1/changes", json={"changes": blocks, **REASON})).status_code == 201
        found = [measure for page in await pages(client, "/v1/measures", limit=2) for measure in page]
        assert [one["change"]["value"] for one in found] == [one["value"] for one in blocks]
        assert "add-operator" in (await commander.get("/v1/measures")).text
