"""Starting, running and stopping the guard as real processes."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import orjson
import pytest

from guard.app import StartError, serve
from guard.evidence.reader import exchanges
from guard.ruleset.bundle import BundleError
from tests.support.guard import configure, one_model, raw_request
from tests.support.processes import journal_of, serving, workers_of

CONFIG = """
models: {{chat: {{versions: {{v1: {{url: "{url}"}}}}, active: v1}}}}
routes: [{{path: /v1/, format: openai, model: chat}}]
"""
ASK = {"model": "m", "messages": [{"role": "user", "content": "say: one two three"}]}


def chat(url, **more):
    """One request."""
    return httpx.post(f"{url}/v1/chat/completions", json={**ASK, **more}, timeout=10)


def read_all(line):
    """Everything until the guard closes; a reset is an error."""
    with line:
        return b"".join(iter(lambda: line.recv(65_536), b""))


def test_a_listener_that_is_taken_is_told(tmp_path):
    """The error names the address; nothing is left running."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        config = configure(tmp_path, one_model("http://127.0.0.1:1") + f"\ndata: {{listen: '{listen}'}}")
        with pytest.raises(StartError, match=listen):
            serve(config, ready=print, reread=lambda: config)


def test_a_state_folder_that_cannot_be_used_is_told(tmp_path):
    """A file where the folder should be is an error before anything listens."""
    config = configure(tmp_path, one_model("http://127.0.0.1:1"))
    (tmp_path / "state").write_text("")
    with pytest.raises(StartError, match="state folder"):
        serve(config, ready=print, reread=lambda: config)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_cannot_start_is_told(tmp_path, workers):
    """What keeps a worker from starting is one sentence, and the guard's end says that it failed."""
    config = tmp_path / "guard.yaml"
    text = CONFIG.format(url="http://127.0.0.1:1") + f"data: {{listen: '127.0.0.1:0', workers: {workers}}}\n"
    config.write_text(f"{text}state: {tmp_path / 'state'}\nrules: {{dir: null}}\n")
    (tmp_path / "state" / "node").mkdir(parents=True)
    command = [str(Path(sys.executable).with_name("guard")), "serve", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode not in {0, -signal.SIGTERM}
    assert "the guard cannot start: [Errno 21] Is a directory" in done.stderr
    assert "Traceback" not in done.stderr


def test_broken_rules_are_told(tmp_path):
    """The guard does not start without the rules it was given."""
    config = configure(tmp_path, one_model("http://127.0.0.1:1"), rules="- {id: x}")
    with pytest.raises(BundleError):
        serve(config, ready=print, reread=lambda: config)


def is_refused(address):
    """Whether nobody listens there; who is let in and not answered would wait in vain."""
    with socket.socket() as asking:
        return asking.connect_ex(address) == errno.ECONNREFUSED


def ask_until_refused(address, met):
    """Ask over new connections for as long as somebody listens; `met` gets what came of each."""
    while True:
        try:
            line = socket.create_connection(address, 10)
        except ConnectionRefusedError:
            return
        try:
            line.sendall(raw_request(ASK, headers="connection: close\r\n"))
            met.append(read_all(line)[:12])
        except OSError as error:
            met.append(repr(error))


@pytest.mark.slow
def test_all_processes_told_at_once_to_stop_reset_nobody(tmp_path):
    """As Ctrl-C and service managers tell them: who is let in is answered, though no worker listens for long after."""
    with serving(tmp_path, CONFIG, data="workers: 2") as running:
        every = [*workers_of(running.guard.process.pid), running.guard.process.pid]
        met: list[bytes | str] = []
        address = ("127.0.0.1", httpx.URL(running.url).port)
        clients = [threading.Thread(target=ask_until_refused, args=(address, met)) for _ in range(30)]
        for client in clients:
            client.start()
        until = time.monotonic() + 10
        while len(met) < 300:
            assert time.monotonic() < until
            time.sleep(0.01)
        for pid in every:
            os.kill(pid, signal.SIGTERM)
        for client in clients:
            client.join()
        assert set(met) == {b"HTTP/1.1 200"}


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_lets_a_stream_end(tmp_path, workers):
    """A stream that is open when the guard is told to stop comes to its end; new connections are refused before."""
    with serving(tmp_path, CONFIG, data=f"workers: {workers}") as running:
        httpx.post(f"{running.model}/control", json={"delay": 0.5})
        with httpx.stream(
            "POST", f"{running.url}/v1/chat/completions", json={**ASK, "stream": True}, timeout=10
        ) as answer:
            serving_it = workers_of(running.guard.process.pid)
            running.guard.process.send_signal(signal.SIGTERM)
            until = time.monotonic() + 10
            while not is_refused(("127.0.0.1", httpx.URL(running.url).port)):
                assert time.monotonic() < until
                time.sleep(0.01)
            assert any(Path(f"/proc/{worker}").exists() for worker in serving_it)
            text = "".join(answer.iter_text())
        assert text.rstrip().endswith("data: [DONE]")
        assert running.guard.process.wait(10) in {0, -signal.SIGTERM}
        with pytest.raises(httpx.TransportError):
            chat(running.url)


@pytest.mark.slow
def test_the_end_of_the_drain_window_is_told(tmp_path):
    """Who still waits for an answer then, or is still asking, gets a 503; nothing is reset, and all of it is in the
    journal. An idle connection is closed without a word.
    """
    drain = "workers: 1, drain_timeout: 1, http: {header_timeout: 30, body_timeout: 30}"
    with serving(tmp_path, CONFIG, data=drain) as running:
        httpx.post(f"{running.model}/control", json={"delay": 5})
        address = ("127.0.0.1", httpx.URL(running.url).port)
        asked = [
            raw_request({**ASK, "stream": True}),
            raw_request(ASK),
            raw_request(ASK)[:-5],
            b"GET /readyz HTTP/1.1\r\nhost: g\r\n\r\n",
        ]
        lines = [socket.create_connection(address, timeout=10) for _ in asked]
        for line, request in zip(lines, asked, strict=True):
            line.sendall(request)
        assert lines[3].recv(1_000).startswith(b"HTTP/1.1 200")
        while len(list(exchanges(running.journal))) < 2:
            pass
        running.guard.process.send_signal(signal.SIGTERM)
        answers = [read_all(line) for line in lines]
        assert running.guard.process.wait(10) in {0, -signal.SIGTERM}
        ends = sorted((one["end"], one["reason"]) for one in exchanges(running.journal))
    assert all(answer.startswith(b"HTTP/1.1 503") and b"shutting_down" in answer for answer in answers[:3])
    assert answers[3] == b""
    assert ends == [("refused", "shutting_down")] * 3


def test_a_request_that_meets_the_drain_is_answered(tmp_path):
    """A client that asks on a connection that was idle when the guard was told to stop gets its answer."""
    with serving(tmp_path, CONFIG) as running:
        with httpx.Client(base_url=running.url, timeout=10) as client:
            assert client.get("/healthz").status_code == 200
            running.guard.process.send_signal(signal.SIGTERM)
            while client.get("/readyz").json()["status"] != "draining":
                pass
        assert running.guard.process.wait(10) in {0, -signal.SIGTERM}


@pytest.mark.slow
def test_after_kill_9_every_id_that_a_client_saw_is_in_the_journal(tmp_path):
    """The process dies in the midst of load; no acknowledged exchange is lost, and a restart serves again."""
    seen = []

    def ask(url):
        with httpx.Client(timeout=5) as client:
            try:
                while True:
                    seen.append(client.post(f"{url}/v1/chat/completions", json=ASK).headers["x-guard-id"])
            except httpx.TransportError:
                return

    with serving(tmp_path, CONFIG) as running:
        threads = [threading.Thread(target=ask, args=(running.url,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        while len(seen) < 50:
            assert chat(running.url).status_code == 200
        running.kill()
        for thread in threads:
            thread.join()
        text = "".join(path.read_text() for path in running.journal.rglob("*.jsonl"))
    assert [id_ for id_ in seen if f'"kind":"prompt","id":"{id_}"' not in text] == []


@pytest.mark.slow
def test_several_workers_share_the_port(tmp_path):
    """Two workers answer on one port, each with a log of its own; one that dies is started anew, and that is told."""
    with serving(tmp_path, CONFIG, data="workers: 2") as running:
        workers = set()
        for _ in range(1_000):
            # A connection for each request, so that either worker can take it.
            id_ = httpx.get(f"{running.url}/v1/models", timeout=10).headers["x-guard-id"]
            workers.add(id_.split("-")[1])
            if len(workers) == 2:
                break
        assert len(workers) == 2
        assert len(list(running.journal.rglob("*.jsonl"))) == 2
        pid = orjson.loads(next(running.journal.rglob("*.jsonl")).read_bytes().split(b"\n")[0])["pid"]
        os.kill(pid, signal.SIGKILL)
        until = time.monotonic() + 20
        while f"worker {pid} is gone; worker " not in running.guard.log.read_text():
            assert time.monotonic() < until
            time.sleep(0.05)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_the_system_calls_show_durable_before_first_byte(tmp_path):
    """In the kernel's own order: the prompt is written, fdatasync returns, and only then the answer is sent."""
    with serving(tmp_path, CONFIG) as running:
        trace = tmp_path / "trace"
        command = [
            "strace",
            "-f",
            "-qq",
            "-s",
            "400",
            "-e",
            "trace=write,fdatasync,sendto,writev",
            "-o",
            str(trace),
            "-p",
        ]
        strace = subprocess.Popen([*command, str(running.worker)])
        try:
            while "TracerPid:\t0" in Path(f"/proc/{running.worker}/status").read_text():
                if strace.poll() is not None:
                    pytest.skip("strace may not attach to a process here")
            id_ = chat(running.url).headers["x-guard-id"]
            journal_of(running, lambda exchange: exchange["id"] == id_)
        finally:
            strace.terminate()
            strace.wait(10)
        lines = trace.read_text().splitlines()
    prompt = next(
        n for n, line in enumerate(lines) if "write(" in line and "kind" in line and "prompt" in line and id_ in line
    )
    answer = next(n for n, line in enumerate(lines) if "HTTP/1.1 200" in line and id_ in line)
    model = next(n for n, line in enumerate(lines) if "POST /v1/chat/completions" in line and id_ in line)
    synced = [n for n, line in enumerate(lines) if "fdatasync" in line and line.rstrip().endswith("= 0")]
    assert prompt < model < answer
    assert any(prompt < n < answer for n in synced)
