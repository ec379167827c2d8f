"""Floods of what is refused: the journal keeps a few whole, counts the rest exactly, and stays small."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest

from guard.journal import refusals
from tests.support.guard import guard, one_model, raw_request
from tests.support.model import model
from tests.support.raw import connected

BUDGET = "journal: {refusals: {each: 3, matched: 5, interval: 0.05}}\n"


@pytest.fixture(autouse=True)
def _one_minute(monkeypatch):
    """A budget is for a minute, and none ends in the middle of a test."""
    monkeypatch.setattr(refusals, "WINDOW", 1e12)


def records(folder: Path) -> list[dict[str, Any]]:
    """Everything in the journal, in the order of its files."""
    paths = sorted((folder / "state" / "journal").rglob("*.jsonl"))
    return [orjson.loads(line) for path in paths for line in path.read_bytes().splitlines()]


def refused(folder: Path) -> tuple[Counter[str], Counter[str]]:
    """How many refusals are there whole, and how many as counts, by reason."""
    found = records(folder)
    whole = Counter(line["reason"] for line in found if line["kind"] == "outcome" and line["reason"])
    counted: Counter[str] = Counter()
    for line in found:
        if line["kind"] == "refusals":
            counted[line["reason"]] += line["count"]
    return whole, counted


async def test_refusals_beyond_the_budget_are_counted(tmp_path):
    """Three of twenty are records with an id that the client has; seventeen are answered alike, but for the id."""
    more = BUDGET + "blocks: [{ip: 127.0.0.1}]"
    async with guard(tmp_path, one_model("http://127.0.0.1:1", more=more)) as running, running.client as client:
        answers = [await client.get("/v1/models") for _ in range(20)]
        ids = [answer.headers.get("x-guard-id") for answer in answers]
        assert {answer.status_code for answer in answers} == {403}
        assert {answer.json()["error"]["code"] for answer in answers} == {"client_blocked"}
        assert ids[3:] == [None] * 17
        assert [exchange["id"] for exchange in await running.journal(3)] == ids[:3]
    assert refused(tmp_path) == ({"client_blocked": 3}, {"client_blocked": 17})


async def test_counts_are_written_while_the_flood_goes_on(tmp_path):
    """A count does not wait for the end: it is in the journal an interval after it began."""
    more = BUDGET + "blocks: [{ip: 127.0.0.1}]"
    async with guard(tmp_path, one_model("http://127.0.0.1:1", more=more)) as running, running.client as client:
        for _ in range(5):
            await client.get("/v1/models")
        async with asyncio.timeout(5):
            while not refused(tmp_path)[1]:
                await asyncio.sleep(0.01)
        assert refused(tmp_path)[1] == {"client_blocked": 2}


async def test_every_reason_counts_exactly(tmp_path):
    """Limits, bad JSON, no route and forbidden phrases: whole records and counts are what clients were told."""
    told: Counter[str] = Counter()
    more = BUDGET + "limits: [{per: client, requests: 30/h, burst: 30}]"
    async with (
        model() as served,
        guard(tmp_path, one_model(served.url, more=more)) as running,
        running.client as client,
    ):
        for _ in range(10):
            for answer in (
                await client.get("/nowhere"),
                await client.post("/v1/chat/completions", content=b"{", headers={"content-type": "application/json"}),
                await running.chat("a forbidden phrase"),
                await running.chat(),
                await running.chat("at last"),
            ):
                if answer.status_code != 200:
                    told[answer.json()["error"]["code"]] += 1
    whole, counted = refused(tmp_path)
    assert whole + counted == told
    assert whole["content_policy_violation"] == 5
    assert max(count for reason, count in whole.items() if reason != "content_policy_violation") <= 3


async def test_what_was_forwarded_is_always_whole(tmp_path):
    """The budget is for what no model has seen: a model that fails is told of each time."""
    more = BUDGET + "upstream: {connect_timeout: 0.5}"
    async with guard(tmp_path, one_model("http://127.0.0.1:1", more=more)) as running:
        for _ in range(6):
            assert (await running.chat()).headers["x-guard-id"]
        await running.journal(6)
    assert refused(tmp_path) == ({"upstream_error": 6}, {})


async def test_who_leaves_before_the_answer_is_counted_too(tmp_path):
    """Requests that are begun and left are no way around the budget."""
    async with guard(tmp_path, one_model("http://127.0.0.1:1", more=BUDGET)) as running:
        connections = running.proxy.connections
        async with asyncio.timeout(5):
            for _ in range(8):
                async with connected(running.port) as client:
                    await client.send(raw_request({"model": "m"})[:-1])
                    while not any(connection.current for connection in connections):
                        await asyncio.sleep(0.005)
                    client.reset()
                while connections:
                    await asyncio.sleep(0.005)
    found = records(tmp_path)
    assert [line["end"] for line in found if line["kind"] == "outcome"] == ["client_disconnected"] * 3
    assert {line["status"] for line in found if line["kind"] == "refusals"} == {None}
    assert refused(tmp_path)[1] == {"client_disconnected": 5}
