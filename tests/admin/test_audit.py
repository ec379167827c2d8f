"""The audit log."""

import time

import pytest

from guard.admin import audit as module
from guard.admin.audit import Audit, AuditError
from guard.config import Refusals
from guard.custody.control import locked
from tests.support.admin import REASON, admin
from tests.support.journals import records


def written(journal):
    """What is in it, without segments' first records."""
    return [one for one in records(journal, "audit") if one["kind"] != "segment"]


async def test_every_call_is_written_down(tmp_path):
    """Who, from where, what, and what came of it; a change before it is done; a refusal too; nothing that was typed."""
    async with admin(tmp_path) as api:
        async with api.client("operator") as client:
            await client.get("/v1/blocks")
            placed = await client.post("/v1/blocks", json={"kind": "ip", "value": "203.0.113.9", **REASON})
            await client.get("/v1/operators")
            await client.get("/healthz")
        async with api.client(None) as client:
            await client.get("/v1/blocks", headers={"authorization": "Bearer nobody"})
        looked, call, done, refused, failed = await api.audited(5)
    assert (looked["actor"], looked["route"], looked["status"]) == ("a-operator", "/v1/blocks", 200)
    assert (call["kind"], call["method"], call["address"]) == ("call", "POST", "127.0.0.1")
    assert (done["kind"], done["id"], done["status"]) == ("done", call["id"], 201)
    assert done["changes"] == [placed.json()["changes"][0]["id"]]
    assert (refused["route"], refused["status"], refused["role"]) == ("/v1/operators", 403, "operator")
    assert (failed["status"], failed.get("actor")) == (401, None)
    assert "203.0.113.9" not in str((looked, call, done, refused, failed))


def test_a_flood_is_counted(tmp_path, monkeypatch):
    """Beyond a budget calls are counted exactly, and the log does not grow with them."""
    monkeypatch.setattr(module, "BUDGETS", Refusals(each=10, matched=5, all=1_000, interval=10.0))
    journal = tmp_path / "journal"
    journal.mkdir()
    with Audit(journal, "n") as audit:
        for _ in range(1_000):
            audit.note({"kind": "call", "address": "192.0.2.1", "route": "/v1/blocks", "status": 401})
        for _ in range(100):
            audit.note({"kind": "call", "actor": "ann", "address": "192.0.2.1", "route": "/v1/blocks", "status": 200})
    found = written(journal)
    counts = {(one["address"], one["actor"], one["status"]): one["count"] for one in found if one["kind"] == "calls"}
    whole = [one for one in found if one["kind"] == "call"]
    assert len(found) < 30
    assert counts["192.0.2.1", None, 401] + sum(one["status"] == 401 for one in whole) == 1_000
    assert counts[None, "ann", 200] + sum(one["status"] == 200 for one in whole) == 100


def test_what_waits_is_written_at_once(tmp_path):
    """Calls that come together are on disk together, and each is told."""
    journal = tmp_path / "journal"
    journal.mkdir()
    with Audit(journal, "n") as audit:
        futures = [audit.written({"kind": "call", "n": number}) for number in range(500)]
        for future in futures:
            assert future.result(10) is None
    assert [one["n"] for one in written(journal)] == list(range(500))


def test_trouble_is_told_to_who_waits(tmp_path, caplog):
    """And once to the log; what was lost meanwhile is counted when it is over."""
    journal = tmp_path / "journal"
    journal.mkdir()
    (journal / "audit").write_text("")
    with Audit(journal, "n") as audit:
        for _ in range(2):
            with pytest.raises(AuditError):
                audit.written({"kind": "call"}).result(10)
        audit.note({"kind": "call", "address": "192.0.2.1", "status": 401})
        until = time.monotonic() + 10
        while not audit._lost:
            assert time.monotonic() < until
            time.sleep(0.005)
        (journal / "audit").unlink()
        audit.written({"kind": "call", "n": 1}).result(10)
    assert [one["kind"] for one in written(journal)] == ["call", "lost"]
    assert caplog.text.count("cannot be written down") == 1


def test_who_gives_up_waiting_holds_up_nobody(tmp_path):
    """Whether that is before the record is taken up, or while it is written; those that come later are written."""
    journal = tmp_path / "journal"
    journal.mkdir()
    with Audit(journal, "n") as audit:
        with locked(journal, log="audit"):
            under_way = audit.written({"kind": "call", "n": 1})
            until = time.monotonic() + 10
            while not under_way.running():
                assert time.monotonic() < until
                time.sleep(0.005)
            assert not under_way.cancel()
            assert audit.written({"kind": "call", "n": 2}).cancel()
            late = audit.written({"kind": "call", "n": 3})
        assert late.result(10) is None
        audit.written({"kind": "call", "n": 4}).result(10)
    assert [one["n"] for one in written(journal)] == [1, 3, 4]


def test_no_more_wait_than_may(tmp_path, monkeypatch):
    """Beyond that a change is refused at once."""
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    audit = Audit(tmp_path, "n")
    for _ in range(3):
        audit.written({"kind": "call"})
    with pytest.raises(AuditError):
        audit.written({"kind": "call"})
