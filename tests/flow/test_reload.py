"""SIGHUP: the configuration is read again while requests go on, as an operator does it in an incident."""

import asyncio
import os
import signal
import ssl
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from guard.cli import main
from guard.demo.children import Child
from guard.wire.tls import fingerprint
from tests.support.certificates import Certificates
from tests.support.guard import RULES
from tests.support.journals import records
from tests.support.model import answer_chat, chat_delta, model

PHRASE = "a forbidden phrase"
ASK = {"model": "m-1", "messages": [{"role": "user", "content": "hi"}]}


class Operated:
    """A guard as a process, and its files as an operator changes them."""

    def __init__(self, folder: Path, guard: Child) -> None:
        self.folder = folder
        self.guard = guard
        self.url = guard.first_line()["listening"]
        self.file = folder / "guard.yaml"

    @property
    def log(self) -> str:
        return self.guard.log.read_text()

    async def hang_up(self, told: str, times: int = 1) -> None:
        """Send SIGHUP, and wait until the log has told so many times what it does about it."""
        self.guard.process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(20):
            while self.log.count(told) < times:
                await asyncio.sleep(0.01)

    def write(self, text: str) -> None:
        """Put another configuration in place of the old one, whole."""
        draft = self.folder / "guard.yaml.new"
        draft.write_text(text)
        draft.replace(self.file)

    async def ask(self, client: httpx.AsyncClient, **headers: str) -> httpx.Response:
        return await client.post(f"{self.url}/v1/chat/completions", json=ASK, headers=headers)


def configuration(url: str, more: str = "", data: str = "") -> str:
    """YAML for one model at this URL."""
    return f"""
data: {{listen: "127.0.0.1:0", {data}}}
admin: {{listen: null}}
models: {{chat: {{versions: {{v1: {{url: "{url}"}}}}, active: v1}}}}
routes: [{{path: /v1/, format: openai, model: chat}}]
clients: {{app: {{key: app-key}}}}
journal: {{refusals: {{each: 100000, all: 100000}}}}
{more}
"""


@asynccontextmanager
async def operated(folder: Path, text: str):
    """Run `guard serve` on a configuration and a rule."""
    (folder / "rules").mkdir()
    (folder / "rules" / "10-test.yaml").write_text(RULES)
    (folder / "guard.yaml").write_text(text)
    with Child("guard", ["serve", "--config", str(folder / "guard.yaml"), "--json"], folder) as guard:
        yield Operated(folder, guard)


@pytest.mark.slow
async def test_nothing_fails_while_the_configuration_changes(tmp_path):
    """Reloads under load, good and broken ones: every request is served, and the open stream ends well."""
    gate = asyncio.Event()

    async def script(call):
        if not call.document.get("stream"):
            await answer_chat(call)
            return
        await call.begin_stream()
        await call.chunk(chat_delta("one "))
        await gate.wait()
        await call.chunk(chat_delta("two") + b"data: [DONE]\n\n")
        await call.end_stream()

    async with model(script) as served, operated(tmp_path, configuration(served.url)) as guard:
        seen: list[tuple[int, str]] = []
        over = asyncio.Event()

        async def load():
            async with httpx.AsyncClient(timeout=20) as client:
                while not over.is_set():
                    answer = await guard.ask(client)
                    seen.append((answer.status_code, answer.headers["x-guard-policy"]))
                    await asyncio.sleep(0.005)

        async with (
            httpx.AsyncClient(timeout=20) as client,
            client.stream("POST", f"{guard.url}/v1/chat/completions", json={**ASK, "stream": True}) as stream,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(3):
                group.create_task(load())
            while not seen:
                await asyncio.sleep(0.01)
            for version in range(2, 6):
                guard.write(
                    configuration(served.url, f"limits: [{{per: client, requests: {version}000/s, burst: 99}}]")
                )
                await guard.hang_up(f"policy {version} is in force")
                rules = tmp_path / "rules" / "10-test.yaml"
                rules.write_text(RULES.replace("level: high", "level: hihg"))
                await guard.hang_up("changes nothing", version - 1)
                rules.write_text(RULES)
            last = len(seen)
            while len(seen) < last + 10:
                await asyncio.sleep(0.01)
            over.set()
            refused = await client.post(
                f"{guard.url}/v1/chat/completions", json={**ASK, "messages": [{"role": "user", "content": PHRASE}]}
            )
            assert refused.status_code == 400
            gate.set()
            text = (await stream.aread()).decode()
        assert text.rstrip().endswith("data: [DONE]")
        assert {status for status, _ in seen} == {200}
        versions = [int(version) for _, version in seen]
        assert versions[0] == 1
        assert versions[-1] == 5
        assert "prompt-block" in guard.log


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("blocks: [{ip: nowhere}]", 'blocks[0].ip: got "nowhere"; expected an address'),
        ("blocks: [", "this is not YAML"),
        ("rules: {dir: elsewhere}", "elsewhere"),
        ('clients: {app: {key: "${NOT_SET}"}}', "NOT_SET is not set"),
    ],
)
async def test_a_broken_configuration_changes_nothing(tmp_path, more, told):
    """The log says where and what, and what was in force stays so."""
    async with (
        model() as served,
        operated(tmp_path, configuration(served.url)) as guard,
        httpx.AsyncClient(timeout=20) as client,
    ):
        good = guard.file.read_text()
        guard.write(good.replace("clients: {app: {key: app-key}}", "") + more if "clients" in more else good + more)
        await guard.hang_up("changes nothing")
        assert told in guard.log
        answer = await guard.ask(client)
        assert (answer.status_code, answer.headers["x-guard-policy"]) == (200, "1")
        guard.write(good)
        await guard.hang_up("policy 2 is in force")


async def test_a_block_in_the_new_file_cuts_the_stream_that_is_open(tmp_path):
    """A caller that the new configuration blocks is cut off at once; others are served on."""

    async def script(call):
        if not call.document.get("stream"):
            await answer_chat(call)
            return
        await call.begin_stream()
        await call.chunk(chat_delta("one "))
        await call.closed.wait()

    async with (
        model(script) as served,
        operated(tmp_path, configuration(served.url)) as guard,
        httpx.AsyncClient(timeout=20) as client,
    ):
        body, key = {**ASK, "stream": True}, {"authorization": "Bearer app-key"}
        async with client.stream("POST", f"{guard.url}/v1/chat/completions", json=body, headers=key) as stream:
            guard.write(configuration(served.url, "blocks: [{client: app}]"))
            await guard.hang_up("policy 2 is in force")
            assert "client_blocked" in (await stream.aread()).decode()
        # That connection is being closed, which its client may not have noticed yet.
        async with httpx.AsyncClient(timeout=20) as another:
            assert (await guard.ask(another, **key)).status_code == 403
            assert (await guard.ask(another)).status_code == 200


async def test_what_needs_a_restart_is_told_and_kept(tmp_path):
    """Sockets, workers, folders and bounds stay as they are; the rest of the new file counts."""
    async with (
        model() as served,
        operated(tmp_path, configuration(served.url)) as guard,
        httpx.AsyncClient(timeout=20) as client,
    ):
        guard.write(configuration(served.url, "state: elsewhere\nblocks: [{ip: 127.0.0.1}]", "workers: 2"))
        await guard.hang_up("policy 2 is in force")
        for key in ("state", "data.workers"):
            assert f"{key} needs a restart" in guard.log
        assert (await guard.ask(client)).status_code == 403
        assert not (tmp_path / "elsewhere").exists()


@pytest.mark.slow
async def test_every_worker_has_the_new_configuration(tmp_path):
    """Workers go on as the processes they were; one that dies later begins with what is in force by then."""
    async with (
        model() as served,
        operated(tmp_path, configuration(served.url, data="workers: 2")) as guard,
        httpx.AsyncClient(timeout=20, limits=httpx.Limits(max_keepalive_connections=0)) as client,
    ):

        async def workers() -> set[str]:
            """The workers that answer, once both have; a connection for each request, so that either can take it."""
            found: set[str] = set()
            async with asyncio.timeout(20):
                while len(found) < 2:
                    try:
                        answer = await guard.ask(client)
                    except httpx.TransportError:
                        continue
                    found.add(answer.headers["x-guard-id"].split("-")[1])
                    statuses.append((answer.status_code, answer.headers["x-guard-policy"]))
            return found

        statuses: list[tuple[int, str]] = []
        before = await workers()
        assert set(statuses) == {(200, "1")}
        statuses.clear()
        guard.write(configuration(served.url, "blocks: [{ip: 127.0.0.1}]", "workers: 2"))
        await guard.hang_up("policy 2 is in force", 2)
        assert await workers() == before
        assert set(statuses) == {(403, "2")}
        statuses.clear()

        guard.write("broken: [")
        await guard.hang_up("changes nothing")
        os.kill(records(tmp_path / "var" / "journal")[0]["pid"], signal.SIGKILL)
        while await workers() == before:
            pass
        assert set(statuses) == {(403, "2")}


@pytest.mark.slow
async def test_what_orders_name_and_is_gone_is_told_once(tmp_path):
    """By one of the workers, when the configuration is read again, and when the guard starts with it."""
    before = configuration("http://127.0.0.1:9", data="workers: 2")
    sentences = (
        "the client app is blocked, as was ordered, and there is no such client now",
        "requests of the client app are limited, as was ordered, and there is no such client now",
    )
    after = before.replace("app: {key: app-key}", "web: {key: web-key}")
    async with operated(tmp_path, before) as guard:
        reason = ("--reason", "r", "--config", str(guard.file))
        for order in ("block client app", "limit set client:app requests 1/min"):
            done = await asyncio.to_thread(CliRunner().invoke, main, [*order.split(), *reason])
            assert done.exit_code == 0, done.output
        assert "as was ordered" not in guard.log
        guard.write(after)
        await guard.hang_up("is in force", 2)
        async with asyncio.timeout(20):
            while guard.log.count("as was ordered") < 2:
                await asyncio.sleep(0.01)
        assert [guard.log.count(one) for one in sentences] == [1, 1]
    with Child("guard", ["serve", "--config", str(guard.file), "--json"], tmp_path) as again:
        again.first_line()
        async with asyncio.timeout(20):
            while again.log.read_text().count("as was ordered") < 2:
                await asyncio.sleep(0.01)
        assert [again.log.read_text().count(one) for one in sentences] == [1, 1]


async def test_another_certificate_counts_without_a_restart(tmp_path):
    """New connections get the new certificate; those that are open, and files that do not fit, change nothing."""
    files = Certificates(tmp_path)
    tls = f"tls: {{certificate: {files.certificate}, key: {files.key}}}"

    async def shown() -> str | None:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=files.trusting())
        writer.close()
        session: ssl.SSLObject = writer.get_extra_info("ssl_object")
        return fingerprint(session)

    async with model() as served, operated(tmp_path, configuration(served.url, data=tls)) as guard:
        assert guard.url.startswith("https://")
        port = httpx.URL(guard.url).port
        async with httpx.AsyncClient(timeout=20, verify=files.trusting()) as client:
            assert (await guard.ask(client)).status_code == 200
            first = await shown()
            renewed = files.renew()
            await guard.hang_up("policy 2 is in force")
            assert await shown() == renewed != first
            files.key.write_text("no key")
            await guard.hang_up(f"data.tls.key: {files.key} holds no private key")
            assert await shown() == renewed
            assert (await guard.ask(client)).headers["x-guard-policy"] == "2"
