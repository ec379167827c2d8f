"""Operators' measures on a running guard with two workers: real processes, commands, clients."""

from __future__ import annotations

import asyncio
import json
import signal
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from guard.cli import main
from guard.custody.control import append
from guard.demo.children import Child
from guard.evidence.reader import exchanges
from tests.support.journals import records
from tests.support.model import answer_chat, chat_delta, model

ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


class Operated:
    """A guard as a process, and the commands that an operator gives."""

    def __init__(self, folder: Path, guard: Child) -> None:
        self.folder = folder
        self.process = guard.process
        self.url = guard.first_line()["listening"]

    async def order(self, *words: str, code: int = 0) -> Any:
        """Give a command with a reason; what it says."""
        done = await asyncio.to_thread(self._command, *words, "--reason", "a test")
        assert done.exit_code == code, done.stderr
        return json.loads(done.stdout)

    async def running(self) -> int:
        """How many workers `guard status` tells."""
        done = await asyncio.to_thread(self._command, "status")
        return len(json.loads(done.stdout)["workers"])

    def _command(self, *words: str) -> Result:
        return CliRunner().invoke(main, [*words, "--config", str(self.folder / "guard.yaml"), "--json"])

    async def statuses(self, address: str = "192.0.2.1", times: int = 8, **more: str) -> set[tuple[int, str | None]]:
        """What that address gets, from either worker: status and version, over connections of their own. `more` are
        header fields, their names with underscores.
        """
        headers = {"x-forwarded-for": address, **{name.replace("_", "-"): value for name, value in more.items()}}
        found = set()
        for _ in range(times):
            async with httpx.AsyncClient(timeout=10) as client:
                answer = await client.post(f"{self.url}/v1/chat/completions", json=ASK, headers=headers)
            found.add((answer.status_code, answer.headers.get("x-guard-model")))
        return found


@asynccontextmanager
async def operated(folder: Path, *urls: str, workers: int = 2, rules: str = "null"):
    """Run `guard serve` before model versions v1, v2, … at these URLs, of which v1 is active."""
    versions = ", ".join(f'v{number}: {{url: "{url}"}}' for number, url in enumerate(urls, 1))
    (folder / "guard.yaml").write_text(f"""
data: {{listen: "127.0.0.1:0", workers: {workers}, drain_timeout: 1}}
admin: {{listen: null}}
rules: {{dir: {rules}}}
identify: {{trusted_proxies: [127.0.0.1], session_header: x-session-id}}
models: {{chat: {{versions: {{{versions}}}, active: v1}}}}
routes: [{{path: /v1/, format: openai, model: chat}}]
""")
    with Child("guard", ["serve", "--config", str(folder / "guard.yaml"), "--json"], folder) as guard:
        one = Operated(folder, guard)
        async with asyncio.timeout(20):
            while await one.running() < workers:
                await asyncio.sleep(0.02)
        yield one


@pytest.mark.slow
async def test_a_block_is_in_force_on_every_worker_when_the_command_ends(tmp_path):
    """The blocked are refused, others served, also after a restart without it being ordered again; then it is over."""
    async with model(answer_chat) as served:
        async with operated(tmp_path, served.url) as guard:
            told = await guard.order("block", "ip", "203.0.113.0/24")
            assert (told["workers"], told["late"]) == (2, [])
            assert told["seconds"] < 1
            assert await guard.statuses("203.0.113.9") == {(403, None)}
            assert await guard.statuses("203.0.114.9") == {(200, "v1")}
        async with operated(tmp_path, served.url) as guard:
            assert await guard.statuses("203.0.113.9") == {(403, None)}
            await guard.order("unblock", "ip", "203.0.113.0/24")
            assert await guard.statuses("203.0.113.9") == {(200, "v1")}
            await guard.order("block", "ip", "203.0.113.9", "--for", "0.3s")
            async with asyncio.timeout(10):
                while await guard.statuses("203.0.113.9", 4) != {(200, "v1")}:
                    pass
    policies = [record for record in records(tmp_path / "var" / "journal", "w1") if record["kind"] == "policy"]
    assert policies[0]["measures"] > 0


async def test_what_a_blocked_caller_has_open_is_cut(tmp_path):
    """A stream ends with the error of the block, though its model goes on."""

    async def talk(call):
        await call.begin_stream()
        await call.chunk(chat_delta("and so on "))
        await call.closed.wait()

    async with model(talk) as served, operated(tmp_path, served.url) as guard:
        async with (
            httpx.AsyncClient(timeout=10) as client,
            client.stream("POST", f"{guard.url}/v1/chat/completions", json={**ASK, "stream": True}) as stream,
        ):
            lines = stream.aiter_lines()
            assert "and so on" in await anext(lines)
            await guard.order("block", "ip", "127.0.0.1")
            rest = "\n".join([line async for line in lines])
        assert "client_blocked" in rest
        assert "[DONE]" not in rest


async def test_sessions_and_user_agents_are_blocked_and_cut(tmp_path):
    """New requests are refused and open streams end, those of others go on; what is simulated does neither."""
    gate = asyncio.Event()

    async def talk(call):
        await call.begin_stream()
        await call.chunk(chat_delta("and so on "))
        await gate.wait()
        await call.chunk(b"data: [DONE]\n\n")
        await call.end_stream()

    async with model(talk) as served, operated(tmp_path, served.url) as guard, AsyncExitStack() as stack:
        streams = {}
        for session, agent in (("s-1", "curl/8"), ("s-2", "badbot/2"), ("s-3", "Mozilla/5.0")):
            client = await stack.enter_async_context(httpx.AsyncClient(timeout=20))
            headers = {"x-session-id": session, "user-agent": agent}
            ask = {**ASK, "stream": True}
            url = f"{guard.url}/v1/chat/completions"
            stream = await stack.enter_async_context(client.stream("POST", url, json=ask, headers=headers))
            streams[session] = stream.aiter_lines()
            assert "and so on" in await anext(streams[session])
        for order in (
            ["session", "s-1"],
            ["agent", "*BadBot*"],
            ["session", "s-3", "--simulate"],
            ["ip", "127.0.0.1", "--simulate"],
        ):
            assert (await guard.order("block", *order))["workers"] == 2
        for session in ("s-1", "s-2"):
            rest = "\n".join([line async for line in streams[session]])
            assert "client_blocked" in rest
            assert "[DONE]" not in rest
        assert await guard.statuses(x_session_id="s-1") == {(403, None)}
        assert await guard.statuses(user_agent="a badbot") == {(403, None)}
        gate.set()
        rest = "\n".join([line async for line in streams["s-3"]])
        assert "client_blocked" not in rest
        assert "[DONE]" in rest
        assert await guard.statuses(x_session_id="s-3", user_agent="curl/8") == {(200, "v1")}
    folder = tmp_path / "var" / "journal"
    outcomes = [one for one in exchanges(folder) if (one["client"] or {}).get("session") == "s-3"]
    noted = [one["findings"] for one in outcomes if one["findings"]]
    assert len(noted) == 8
    assert all(
        found == [{"rule": "block session s-3", "target": "client", "mode": "shadow", "action": "block"}]
        for found in noted
    )


async def test_who_comes_back_is_blocked_for_longer(tmp_path):
    """The second time for twice as long; what the command says is what is in force."""
    async with model(answer_chat) as served, operated(tmp_path, served.url, workers=1) as guard:
        for times, lasts in enumerate((60, 120, 240)):
            told = await guard.order("block", "ip", "203.0.113.9", "--for", "1m", "--escalate")
            assert told["change"]["earlier"] == times
            assert told["expires"] - told["at"] == pytest.approx(lasts, abs=5)
        told = await guard.order("block", "ip", "203.0.113.0/24", "--for", "1m", "--escalate")
        assert told["change"]["earlier"] == 0


@pytest.mark.slow
async def test_a_list_is_in_force_on_every_worker_when_the_import_ends(tmp_path):
    """Thousands of networks, and then one more, which is in force as soon as the first."""
    path = tmp_path / "list.txt"
    networks = (f"198.{number // 256}.{number % 256}.0/25\n" for number in range(9_000))
    path.write_text("".join(networks))
    async with model(answer_chat) as served, operated(tmp_path, served.url) as guard:
        told = await guard.order("block", "import", str(path), "--format", "plain")
        assert (told["blocked"], told["workers"], told["late"]) == (9_000, 2, [])
        assert await guard.statuses("198.35.39.7") == {(403, None)}
        assert await guard.statuses("198.35.39.200") == {(200, "v1")}
        told = await guard.order("block", "ip", "198.35.39.200")
        assert (told["workers"], told["late"]) == (2, [])
        assert told["seconds"] < 1
        assert await guard.statuses("198.35.39.200") == {(403, None)}


async def test_a_model_is_switched_and_isolated(tmp_path):
    """Requests under way end on the version they began with; new ones go where the operator says, or nowhere."""
    gate = asyncio.Event()

    async def slow(call):
        await gate.wait()
        await answer_chat(call)

    async with (
        model(slow) as first,
        model(answer_chat) as second,
        operated(tmp_path, first.url, second.url) as guard,
        httpx.AsyncClient(timeout=10) as client,
    ):
        under_way = asyncio.create_task(client.post(f"{guard.url}/v1/chat/completions", json=ASK))
        await first.received.wait()
        await guard.order("route", "switch", "chat", "--to", "v2")
        assert await guard.statuses() == {(200, "v2")}
        gate.set()
        answer = await under_way
        assert (answer.status_code, answer.headers["x-guard-model"]) == (200, "v1")
        await guard.order("route", "isolate", "chat")
        assert await guard.statuses() == {(503, None)}
        await guard.order("route", "online", "chat")
        assert await guard.statuses() == {(200, "v2")}


async def test_what_is_under_way_is_cut_when_a_model_goes_offline(tmp_path):
    """Isolating it lets a stream go on; taking it offline ends the stream with a word, and asks for no more."""
    gate = asyncio.Event()

    async def talk(call):
        await call.begin_stream()
        await call.chunk(chat_delta("and so on"))
        await gate.wait()

    async with (
        model(talk) as served,
        operated(tmp_path, served.url) as guard,
        httpx.AsyncClient(timeout=10) as client,
        client.stream("POST", f"{guard.url}/v1/chat/completions", json={**ASK, "stream": True}) as stream,
    ):
        lines = stream.aiter_lines()
        assert "and so on" in await anext(lines)
        await guard.order("route", "isolate", "chat")
        assert await guard.statuses() == {(503, None)}
        await guard.order("route", "offline")
        rest = "\n".join([line async for line in lines])
        assert "endpoint_isolated" in rest
        assert "[DONE]" not in rest
        await guard.order("route", "online", "chat")
        assert await guard.statuses() == {(503, None)}
        gate.set()


async def test_a_rule_that_is_added_holds_on_prompts_and_streams(tmp_path):
    """In force on every worker when the command ends; nothing of what it blocks in a stream is given out."""

    async def talk(call):
        await call.begin_stream()
        for text in ("some words, then ", "a sec", "ret word", " and more"):
            await call.chunk(chat_delta(text))
        await call.chunk(b"data: [DONE]\n\n")
        await call.end_stream()

    async with model(talk) as served, operated(tmp_path, served.url) as guard:
        told = await guard.order("rules", "add", "--literal", "secret word", "--target", "output")
        assert (told["workers"], told["late"]) == (2, [])
        await guard.order("rules", "add", "--literal", "hi")
        assert await guard.statuses() == {(400, None)}
        async with httpx.AsyncClient(timeout=10) as client:
            ask = {"model": "m", "messages": [{"role": "user", "content": "tell me"}], "stream": True}
            answer = await client.post(f"{guard.url}/v1/chat/completions", json=ask)
        assert "some words" in answer.text
        assert "content_policy_violation" in answer.text
        assert "ret word" not in answer.text
        assert " a sec" not in answer.text


async def test_measures_outlive_a_reload_and_damage(tmp_path):
    """Reading the configuration again keeps them; a control log that was altered changes nothing of what is known."""
    async with model(answer_chat) as served, operated(tmp_path, served.url, workers=1) as guard:
        log = tmp_path / "guard.log"
        await guard.order("block", "ip", "203.0.113.9")
        guard.process.send_signal(signal.SIGHUP)
        await told(log, "the configuration was read again")
        assert await guard.statuses("203.0.113.9", 2) == {(403, None)}
        path = tmp_path / "var" / "journal" / "control" / f"{0:016d}.jsonl"
        path.write_bytes(path.read_bytes() + b'{"seq":2,"kind":"change","chain":"forged"}\n')
        await told(log, "measures cannot be read, those known so far stay in force")
        assert await guard.statuses("203.0.113.9", 2) == {(403, None)}
        assert await guard.statuses(times=2) == {(200, "v1")}


async def test_a_measure_counts_even_if_the_journal_cannot_be_told(tmp_path):
    """What the state folder has lost keeps no block from being in force."""
    async with model(answer_chat) as served, operated(tmp_path, served.url, workers=1) as guard:
        (tmp_path / "var" / "node").unlink()
        (tmp_path / "var" / "node").mkdir()
        append(tmp_path / "var" / "journal", {"type": "block", "kind": "ip", "value": "nowhere"}, reason="r")
        append(tmp_path / "var" / "journal", {"type": "block", "kind": "ip", "value": "203.0.113.9"}, reason="r")
        await told(tmp_path / "guard.log", "the journal is not told that policy")
        assert await guard.statuses("203.0.113.9", 2) == {(403, None)}
        assert await guard.running() == 1


async def told(log: Path, words: str) -> None:
    """Wait until the guard's log has these words."""
    async with asyncio.timeout(10):
        while words not in log.read_text():
            await asyncio.sleep(0.01)


@pytest.mark.slow
async def test_what_is_in_force_is_told_when_it_can_be_again(tmp_path):
    """A place that cannot be written keeps no measure from being in force, and the worker says so later."""
    async with model(answer_chat) as served, operated(tmp_path, served.url) as guard:
        folder = tmp_path / "var" / "workers"
        before = {path.name: path.read_bytes() for path in folder.glob("*.json")}
        for name in before:
            (folder / name.replace(".json", ".draft")).mkdir()
        told = await guard.order("block", "ip", "192.0.2.1", code=1)
        assert len(told["late"]) == 2
        assert await guard.statuses() == {(403, None)}
        for name in before:
            (folder / name.replace(".json", ".draft")).rmdir()
        async with asyncio.timeout(10):
            while {path.name: path.read_bytes() for path in folder.glob("*.json")} == before:
                await asyncio.sleep(0.02)
