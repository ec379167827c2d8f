"""The stream of changes."""

import asyncio
import json
import threading
from contextlib import AsyncExitStack, asynccontextmanager

from guard.admin import events
from guard.custody.control import append, append_all, change_record
from tests.support.admin import REASON, admin


def ordered(api, *values):
    """Changes placed by somebody else than the API."""
    records = [change_record({"type": "block", "kind": "ip", "value": value}, reason="r") for value in values]
    append_all(api.desk.journal, records)


@asynccontextmanager
async def stream(api, role="analyst", **more):
    """A stream that is open, and what comes of it: (id, record)."""
    async with (
        asyncio.timeout(20),
        api.client(role) as client,
        client.stream("GET", "/v1/events", timeout=20, **more) as answer,
    ):
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"] == "text/event-stream"
        yield told(answer.aiter_lines())


async def told(lines):
    """The events in these lines."""
    found = {}
    async for line in lines:
        if line.startswith(":"):
            continue
        name, _, value = line.partition(": ")
        if name:
            found[name] = value
        elif found:
            assert found["event"] == "change"
            yield int(found["id"]), json.loads(found["data"])
            found = {}


async def test_changes_are_told_as_they_are_made(tmp_path):
    """Whoever makes them, in order, each with the version that it came with."""
    async with admin(tmp_path) as api, stream(api) as heard, api.client("operator") as client:
        placed = await client.post("/v1/blocks", json={"kind": "ip", "value": "192.0.2.1", **REASON})
        ordered(api, "192.0.2.2", "192.0.2.3")
        found = [await anext(heard) for _ in range(3)]
    version = placed.json()["version"]
    assert [id_ for id_, _ in found] == [version, version + 1, version + 2]
    assert [record["change"]["value"] for _, record in found] == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]


async def test_who_was_away_misses_nothing(tmp_path):
    """A stream goes on behind the last event that was seen, over as many changes as there were."""
    async with admin(tmp_path) as api:
        async with stream(api) as heard:
            ordered(api, "192.0.2.1")
            last, _ = await anext(heard)
        ordered(api, *(f"10.0.{number // 250}.{number % 250}" for number in range(events.BATCH + 5)))
        async with stream(api, headers={"last-event-id": str(last)}) as heard:
            ids = [(await anext(heard))[0] for _ in range(events.BATCH + 5)]
        assert ids == list(range(last + 1, last + events.BATCH + 6))
        async with stream(api, params={"after": last - 1}) as heard:
            assert (await anext(heard))[0] == last
        async with stream(api, params={"after": 0}) as heard:
            _, record = await anext(heard)
        assert "token" not in record["change"]
        assert record["change"]["type"] == "add-operator"
        async with stream(api, headers={"last-event-id": "999999"}) as heard:
            ordered(api, "192.0.2.9")
            assert (await anext(heard))[0] == ids[-1] + 1


async def test_streams_are_bounded(tmp_path, monkeypatch):
    """In number, of one and of all; one that ends makes room."""
    monkeypatch.setattr(events, "MOST_STREAMS_EACH", 2)
    async with admin(tmp_path) as api, api.client("analyst") as client:
        async with stream(api), stream(api):
            assert (await client.get("/v1/events")).status_code == 429
            async with stream(api, "operator"):
                pass
        async with asyncio.timeout(10):
            while await status(client) == 429:
                await asyncio.sleep(0.01)
        assert (await client.head("/v1/events")).status_code == 405


async def test_streams_that_come_at_once_are_bounded_too(tmp_path, monkeypatch):
    """Each counts from when it is let in, not only from when it is told where it begins."""
    monkeypatch.setattr(events, "MOST_STREAMS_EACH", 2)
    begin, looked = events.Events.begin, threading.Barrier(2)

    def held_up(self, call):
        looked.wait(10)
        return begin(self, call)

    monkeypatch.setattr(events.Events, "begin", held_up)
    async with admin(tmp_path) as api, AsyncExitStack() as opened:
        client = await opened.enter_async_context(api.client("analyst"))
        made = [client.stream("GET", "/v1/events", timeout=20) for _ in range(6)]
        answers = await asyncio.gather(*map(opened.enter_async_context, made))
        assert sorted(answer.status_code for answer in answers) == [200, 200, 429, 429, 429, 429]


async def status(client):
    """What a stream begins with."""
    async with client.stream("GET", "/v1/events") as answer:
        return answer.status_code


async def test_a_stream_beats_and_ends_with_its_operator(tmp_path, monkeypatch):
    """Heartbeats show that it is alive; whose token does not count any more has it ended."""
    monkeypatch.setattr(events, "BEAT_SECONDS", 0.05)
    async with admin(tmp_path) as api, api.client("analyst") as client, asyncio.timeout(20):
        async with client.stream("GET", "/v1/events") as answer:
            lines = answer.aiter_lines()
            while await anext(lines) != ": beat":
                pass
            async with api.client() as commander:
                assert (await commander.delete("/v1/operators/a-analyst", params=REASON)).status_code == 200
            rest = [line async for line in lines]
        assert [line for line in rest if line.startswith("data")] in ([], rest[-2:-1])


async def test_ids_that_are_none_are_refused(tmp_path):
    """Before the stream begins."""
    async with admin(tmp_path) as api, api.client("analyst") as client:
        for value in ("x", "-1", "1.5", "9" * 30):
            assert (await client.get("/v1/events", headers={"last-event-id": value})).status_code == 400
        assert (await client.get("/v1/events?after=-1")).status_code == 400


async def test_a_stream_begins_behind_a_version_as_it_was_answered(tmp_path):
    """The log has more records than there are changes; what has that version, or was before, is not told again."""
    async with admin(tmp_path) as api, api.client("operator") as client:
        append(api.desk.journal, {"type": "hold"}, reason="r")
        values = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
        placed = [await client.post("/v1/blocks", json={"kind": "ip", "value": value, **REASON}) for value in values]
        for number, answer in enumerate(placed[:-1], 1):
            async with stream(api, params={"after": answer.json()["version"]}) as heard:
                told = [(await anext(heard))[1]["change"]["value"] for _ in values[number:]]
            assert told == values[number:]
