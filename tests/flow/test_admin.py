"""The admin API of a running guard: real processes, real callers, and what becomes of them when the control process is
killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from guard.cli import main
from guard.custody.local import Local, published
from guard.demo.children import Child
from tests.support.model import answer_chat, model
from tests.support.valkey import server, stopped

ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
REASON = {"reason": "a test"}


class Served:
    """A guard as a process: its data listener's URL, its folder, and where its control process listens."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.state = folder / "var"

    async def control(self, other_than: int = 0) -> Local:
        """The control process, once there is one (that is not that process)."""
        async with asyncio.timeout(30):
            while True:
                found = published(self.state)
                if found is not None and found.pid != other_than:
                    return found
                await asyncio.sleep(0.01)

    async def client(self) -> httpx.AsyncClient:
        """Who calls the admin API with this machine's own token."""
        local = await self.control()
        headers = {"authorization": f"Bearer {local.token}"}
        return httpx.AsyncClient(base_url=local.url, headers=headers, timeout=20)

    async def command(self, *words: str) -> Any:
        """Give a command; what it says."""
        done = await asyncio.to_thread(self._command, *words)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    async def status(self) -> int:
        """What a request to the data listener gets."""
        async with httpx.AsyncClient(timeout=10) as client:
            return (await client.post(f"{self.url}/v1/chat/completions", json=ASK)).status_code

    def _command(self, *words: str) -> Result:
        return CliRunner().invoke(main, [*words, "--config", str(self.folder / "guard.yaml"), "--json"])


@asynccontextmanager
async def served(folder: Path, url: str, *, workers: int = 2, more: str = "", data: str = "drain_timeout: 1"):
    """Run `guard serve` before a model at this URL."""
    folder.mkdir(exist_ok=True)
    (folder / "guard.yaml").write_text(f"""
data: {{listen: "127.0.0.1:0", workers: {workers}, {data}}}
admin: {{listen: "127.0.0.1:0"}}
rules: {{dir: null}}
models: {{chat: {{versions: {{v1: {{url: "{url}"}}}}, active: v1}}}}
routes: [{{path: /v1/, format: openai, model: chat}}]
{more}
""")
    with Child("guard", ["serve", "--config", str(folder / "guard.yaml"), "--json"], folder) as guard:
        one = Served(folder, guard.first_line()["listening"])
        async with await one.client() as client, asyncio.timeout(30):
            while len((await client.get("/v1/status")).json()["workers"]) < workers:
                await asyncio.sleep(0.02)
        yield one


async def test_an_order_is_in_force_on_every_worker_when_it_is_answered(tmp_path):
    """By the API and by a command alike; the log of all calls, and of all changes, verifies."""
    async with model(answer_chat) as behind, served(tmp_path, behind.url) as guard:
        async with await guard.client() as client:
            block = {"kind": "ip", "value": "127.0.0.1", **REASON}
            answer = await client.post("/v1/blocks", json=block)
            assert (answer.status_code, answer.json()["workers"], answer.json()["late"]) == (201, 2, [])
            assert {await guard.status() for _ in range(8)} == {403}
            assert (await client.delete("/v1/blocks/ip/127.0.0.1", params=REASON)).status_code == 200
            assert {await guard.status() for _ in range(8)} == {200}
            standing = (await client.get("/v1/status")).json()
            assert (standing["keeper"], standing["lost"], standing["behind"]) == (True, 0, [])
            assert (standing["store"]["trouble"], len(standing["store"]["nodes"])) == ("", 1)
        told = await guard.command("route", "isolate", "chat", "--reason", "r")
        assert (told["via"], told["workers"], told["late"]) == ("api", 2, [])
        assert {await guard.status() for _ in range(8)} == {503}
    report = await guard.command("log", "verify")
    assert {log["log"] for log in report["logs"]} >= {"audit", "control", "w1", "w2"}


@pytest.mark.slow
async def test_traffic_goes_on_without_the_control_process(tmp_path):
    """Killed again and again under load, no request fails; orders are taken meanwhile; it comes back each time."""
    async with model(answer_chat) as behind, served(tmp_path, behind.url) as guard:
        statuses: list[int] = []

        async def load() -> None:
            async with httpx.AsyncClient(timeout=20) as client:
                while True:
                    answer = await client.post(f"{guard.url}/v1/chat/completions", json=ASK)
                    statuses.append(answer.status_code)

        loads = [asyncio.create_task(load()) for _ in range(4)]
        via = []
        for number in range(2):
            control = await guard.control()
            os.kill(control.pid, signal.SIGKILL)
            told = await guard.command("block", "ip", f"192.0.2.{number}", "--reason", "r")
            via.append(told["via"])
            assert (told["workers"], told["late"]) == (2, [])
            await guard.control(other_than=control.pid)
            async with await guard.client() as client:
                found = (await client.get("/v1/blocks")).json()["items"]
            assert len(found) == number + 1
        for task in loads:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    assert via == ["log", "log"]
    assert len(statuses) > 20
    assert set(statuses) == {200}


async def test_a_control_process_that_hangs_keeps_nobody_from_blocking(tmp_path):
    """A command does not wait for it, but goes to the control log by itself."""
    async with model(answer_chat) as behind, served(tmp_path, behind.url, workers=1) as guard:
        control = await guard.control()
        os.kill(control.pid, signal.SIGSTOP)
        try:
            told = await guard.command("block", "ip", "127.0.0.1", "--reason", "r")
            assert (told["via"], told["late"]) == ("log", [])
            assert await guard.status() == 403
        finally:
            os.kill(control.pid, signal.SIGCONT)


@pytest.mark.slow
async def test_another_configuration_is_told_to_the_control_process(tmp_path):
    """SIGHUP reaches it over the process that serves, with one worker and with several."""
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        async with served(folder, "http://127.0.0.1:9", workers=workers) as guard, await guard.client() as client:
            block = {"kind": "client", "value": "new", **REASON}
            assert (await client.post("/v1/blocks", json=block)).status_code == 404
            path = folder / "guard.yaml"
            path.write_text(f"{path.read_text()}clients: {{new: {{key: sk-new}}}}\n")
            os.kill(json.loads((guard.state / "supervisor.json").read_text())["pid"], signal.SIGHUP)
            async with asyncio.timeout(20):
                while (await client.post("/v1/blocks", json=block)).status_code != 201:
                    await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_a_listener_that_is_taken_keeps_nothing_from_running(tmp_path):
    """Requests are served and orders are taken; the log says that there is no API, and why."""
    async with model(answer_chat) as behind, served(tmp_path / "first", behind.url, workers=1) as first:
        port = httpx.URL((await first.control()).url).port
        folder = tmp_path / "second"
        folder.mkdir()
        text = (tmp_path / "first" / "guard.yaml").read_text().replace('admin: {listen: "127.0.0.1:0"}', "")
        (folder / "guard.yaml").write_text(f'{text}admin: {{listen: "127.0.0.1:{port}"}}\n')
        with Child("guard", ["serve", "--config", str(folder / "guard.yaml"), "--json"], folder) as guard:
            second = Served(folder, guard.first_line()["listening"])
            async with asyncio.timeout(30):
                while "the admin API cannot listen" not in guard.log.read_text():
                    await asyncio.sleep(0.02)
            assert await second.status() == 200
            told = await second.command("block", "ip", "127.0.0.1", "--reason", "r")
            assert (told["via"], told["workers"]) == ("log", 1)
            assert await second.status() == 403


@pytest.mark.slow
async def test_an_order_is_in_force_on_every_machine(tmp_path):
    """Where several share a store, the answer tells of all their workers; without the store it is in force here."""
    with server() as store:
        more = f"store: {{url: 'redis://127.0.0.1:{store.port}', timeout: 1}}\n"
        async with (
            model(answer_chat) as behind,
            served(tmp_path / "one", behind.url, workers=1, more=more) as one,
            served(tmp_path / "other", behind.url, workers=2, more=more) as other,
            await one.client() as client,
        ):
            block = {"kind": "ip", "value": "127.0.0.1", **REASON}
            async with asyncio.timeout(30):
                while (told := (await client.post("/v1/blocks", json=block)).json())["workers"] < 3:
                    await asyncio.sleep(0.1)
            assert (told["workers"], told["late"]) == (3, [])
            assert told["seconds"] < 2
            assert {await one.status(), await other.status()} == {403}
            seen = (await client.get("/v1/blocks")).headers["etag"]
            async with await other.client() as theirs:
                assert (await theirs.delete("/v1/blocks/ip/127.0.0.1", params=REASON)).status_code == 200
            assert {await one.status(), await other.status()} == {200}
            late = await client.post("/v1/blocks", json=block, headers={"if-match": seen})
            assert late.status_code == 412
            with stopped(store):
                told = (await client.post("/v1/blocks", json=block)).json()
                assert (told["workers"], told["late"]) == (1, [])
                assert "does not answer" in told["trouble"]
                assert await one.status() == 403
            async with asyncio.timeout(30):
                while await other.status() != 403:
                    await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_a_control_process_that_hangs_is_replaced(tmp_path):
    """Commands act without it meanwhile, and requests go on."""
    async with model(answer_chat) as behind, served(tmp_path, behind.url, data="hang_timeout: 2") as guard:
        first = await guard.control()
        os.kill(first.pid, signal.SIGSTOP)
        told = await guard.command("block", "ip", "192.0.2.1", "--reason", "r")
        assert (told["via"], told["late"]) == ("log", [])
        assert await guard.status() == 200
        await guard.control(other_than=first.pid)
        assert f"(process {first.pid}) hangs, and is killed" in (tmp_path / "guard.log").read_text()
        told = await guard.command("unblock", "ip", "192.0.2.1", "--reason", "r")
        assert (told["via"], told["late"]) == ("api", [])
