"""Bundles of rules that are to be pushed."""

import threading

import pytest
from msgspec.structs import replace

from guard.admin.resources import bundles
from guard.config import Rules
from guard.custody.bundles import Shelf
from guard.ruleset.bundle import load
from guard.ruleset.files import Directory
from guard.ruleset.gathering import gathered
from guard.ruleset.parcel import pack, unpack
from tests.cli.rules.pushing import folder
from tests.support.admin import REASON, admin

BYTES = {"content-type": "application/octet-stream"}


async def test_a_bundle_is_taken_and_then_pushed(tmp_path):
    """By its hash, which is that of the folder; a dry run keeps nothing, and tells what would change."""
    rules = folder(tmp_path / "new", "one", "two")
    parcel = gathered(Directory(rules))
    async with admin(tmp_path) as api, api.client("operator", headers=BYTES) as client:
        api.desk.config = replace(api.desk.config, rules=Rules(dir=str(folder(tmp_path / "rules", "two", "three"))))
        would = await client.post("/v1/bundles?dry_run=true", content=parcel)
        assert would.json() == {
            "bundle": load(rules).hash, "rules": 2, "warnings": [], "added": ["one"], "removed": ["three"],
            "changed": [],
        }  # fmt: skip
        assert not (tmp_path / "bundles").exists()
        taken = await client.post("/v1/bundles", content=parcel)
        assert (taken.status_code, taken.json()) == (
            200, {"bundle": load(rules).hash, "rules": 2, "warnings": []},
        )  # fmt: skip
        assert Shelf(tmp_path).known_good() == [load(rules).hash]
        order = {"changes": [{"type": "push-rules", "bundle": taken.json()["bundle"]}], **REASON}
        assert (await client.post("/v1/changes", json=order, headers={"content-type": "application/json"})).is_success
        assert [(row["id"], row["from"]) for row in (await client.get("/v1/rulebook")).json()["items"]] == [
            ("one", "pushed"),
            ("two", "pushed"),
        ]


async def test_what_no_rule_names_is_left_out(tmp_path):
    """So that a bundle is called by what is in force of it."""
    rules = folder(tmp_path / "new", "one")
    files = {**unpack(gathered(Directory(rules))), "data/unused.txt": b"x"}
    async with admin(tmp_path) as api, api.client("operator", headers=BYTES) as client:
        assert (await client.post("/v1/bundles", content=pack(files))).json()["bundle"] == load(rules).hash


async def test_every_mistake_is_told(tmp_path):
    """Where it is, and what; and nothing is kept."""
    rules = folder(tmp_path / "new", "one", "two")
    path = rules / "10-test.yaml"
    path.write_text(path.read_text().replace("level: high", "level: hihg", 1).replace('match: ["two"]', 'match: ["x"]'))
    async with admin(tmp_path) as api, api.client("operator", headers=BYTES) as client:
        answer = await client.post("/v1/bundles", content=gathered(Directory(rules)))
        first, second = answer.json()["errors"]
        assert (answer.status_code, first["where"]) == (422, "10-test.yaml:4: one: level")
        assert second["what"].startswith("10-test.yaml:18: two: tests.match: 'x' does not match")
        for nothing in (b"", b"guard rules 1\n", b"nonsense"):
            assert (await client.post("/v1/bundles", content=nothing)).status_code == 422
        json = await client.post("/v1/bundles", content=b"{}", headers={"content-type": "application/json"})
        assert json.status_code == 415
    assert not (tmp_path / "bundles").exists()


@pytest.mark.parametrize("again", [True, False])
async def test_the_same_again_is_answered_as_before(tmp_path, again):
    """With a key; another bundle under it is refused."""
    one, two = (gathered(Directory(folder(tmp_path / word, word))) for word in ("one", "two"))
    async with admin(tmp_path) as api, api.client("operator", headers={**BYTES, "idempotency-key": "k"}) as client:
        first = await client.post("/v1/bundles", content=one)
        second = await client.post("/v1/bundles", content=one if again else two)
    assert (second.status_code, second.json() == first.json()) == ((200, True) if again else (422, False))


async def test_what_cannot_be_kept_is_told(tmp_path):
    """As what it is, and not as trouble with the control log."""
    parcel = gathered(Directory(folder(tmp_path / "new", "one")))
    (tmp_path / "bundles").write_text("in the way")
    async with admin(tmp_path) as api, api.client("operator", headers=BYTES) as client:
        answer = await client.post("/v1/bundles", content=parcel)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:guard:problem:bundles")


async def test_one_is_made_ready_at_a_time(tmp_path, monkeypatch):
    """Whoever comes meanwhile is told, so that no order waits behind them."""
    taken = threading.BoundedSemaphore(1)
    taken.acquire()
    monkeypatch.setattr(bundles, "_preparing", taken)
    async with admin(tmp_path) as api, api.client("operator", headers=BYTES) as client:
        answer = await client.post("/v1/bundles", content=b"guard rules 1\n")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
