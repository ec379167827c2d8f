"""The control process, as it is started: its orders and its end come on standard input."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import httpx
import pytest
from msgspec.structs import replace

from guard.admin.orders import encode
from guard.custody.control import changes
from guard.custody.local import published
from tests.support.admin import REASON, config


@contextmanager
def control(settings, folder):
    """A control process at work; what it says is in `control.log`."""
    with (
        (folder / "control.log").open("ab") as log,
        subprocess.Popen([sys.executable, "-m", "guard.admin"], stdin=subprocess.PIPE, stderr=log) as process,
    ):
        assert process.stdin is not None
        process.stdin.write(encode(settings))
        process.stdin.flush()
        try:
            yield process
        finally:
            process.kill()


def until(condition):
    """Wait for a condition; it is what it gave."""
    end = time.monotonic() + 20
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return found


def here(folder, process):
    """Where this process listens, once it does."""
    return until(lambda: (found := published(folder)) and found.pid == process.pid and found)


def block(local, kind, value):
    """Give an order with this machine's own token."""
    body = {"changes": [{"type": "block", "kind": kind, "value": value}], "actor": "ann", **REASON}
    headers = {"authorization": f"Bearer {local.token}"}
    return httpx.post(f"{local.url}/v1/changes", json=body, headers=headers, timeout=20)


def test_it_serves_until_standard_input_ends(tmp_path):
    """Its URL and a token are in a file that only the owner may read, and are gone with it."""
    (tmp_path / "journal").mkdir()
    with control(config(tmp_path), tmp_path) as process:
        local = here(tmp_path, process)
        assert (tmp_path / "admin.json").stat().st_mode & 0o777 == 0o600
        assert block(local, "ip", "192.0.2.1").status_code == 201
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            process.send_signal(number)
        assert block(local, "ip", "192.0.2.2").status_code == 201
        process.stdin.close()
        assert process.wait(20) == 0
    assert published(tmp_path) is None
    assert local.token not in (tmp_path / "control.log").read_text()


def test_another_configuration_is_taken_as_it_comes(tmp_path):
    """Names are held against the new one; a line that is none changes nothing."""
    (tmp_path / "journal").mkdir()
    settings = config(tmp_path)
    with control(settings, tmp_path) as process:
        local = here(tmp_path, process)
        assert block(local, "client", "new").status_code == 404
        client = settings.clients["web"]
        process.stdin.write(b"nonsense\n" + encode(replace(settings, clients={"new": client})))
        process.stdin.flush()
        until(lambda: block(local, "client", "new").status_code == 201)
        assert block(local, "client", "web").status_code == 404


def test_only_one_works_at_a_time(tmp_path):
    """The second waits, and takes over when the first is gone."""
    (tmp_path / "journal").mkdir()
    with control(config(tmp_path), tmp_path) as first:
        here(tmp_path, first)
        with control(config(tmp_path), tmp_path) as second:
            until(lambda: "waits for its end" in (tmp_path / "control.log").read_text())
            os.kill(first.pid, signal.SIGKILL)
            assert block(here(tmp_path, second), "ip", "192.0.2.1").status_code == 201


def test_without_a_listener_it_works_all_the_same(tmp_path):
    """What else there is to do is done, and nothing is published."""
    (tmp_path / "journal").mkdir()
    with control(config(tmp_path, listen=None), tmp_path) as process:
        until((tmp_path / "control.lock").exists)
        process.stdin.close()
        assert process.wait(20) == 0
    assert published(tmp_path) is None
    assert json.dumps((tmp_path / "control.log").read_text()) == '""'


def test_without_orders_there_is_nothing_to_do():
    """Standard input that ends at once is an end without a word."""
    done = subprocess.run(
        [sys.executable, "-m", "guard.admin"], stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def call(local, method, path, key, **body):
    """Ask for something with a key, so that it may be asked for again."""
    headers = {"authorization": f"Bearer {local.token}", "idempotency-key": key}
    return httpx.request(method, f"{local.url}{path}", headers=headers, timeout=20, **body)


@pytest.mark.parametrize("broken", [False, True])
def test_an_order_is_taken_once_whatever_becomes_of_the_process(tmp_path, broken):
    """Who sends it again, with its key, to the process that took its place gets the answer that got lost; also where
    the store did not take it.
    """
    (tmp_path / "journal").mkdir()
    if broken:
        (tmp_path / "store.db").mkdir()
    two = [{"type": "block", "kind": "ip", "value": "192.0.2.1"}, {"type": "isolate", "model": "chat"}]
    other = {"json": {"changes": two[:1], **REASON}}
    with control(config(tmp_path), tmp_path) as first:
        local = here(tmp_path, first)
        placed = call(local, "POST", "/v1/changes", "k1", json={"changes": two, **REASON})
        assert placed.status_code == 201
        gone = call(local, "DELETE", "/v1/blocks/ip/192.0.2.1", "k2", params=REASON)
        assert gone.status_code == 200
        os.kill(first.pid, signal.SIGKILL)
    with control(config(tmp_path), tmp_path) as second:
        local = here(tmp_path, second)
        again = call(local, "POST", "/v1/changes", "k1", json={"changes": two, **REASON})
        assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
        assert again.json()["version"] == placed.json()["version"]
        assert [one["at"] for one in again.json()["changes"]] == [one["at"] for one in placed.json()["changes"]]
        gone_again = call(local, "DELETE", "/v1/blocks/ip/192.0.2.1", "k2", params=REASON)
        assert (gone_again.status_code, gone_again.json()["version"]) == (200, gone.json()["version"])
        assert call(local, "POST", "/v1/changes", "k1", **other).status_code == 422
        assert call(local, "POST", "/v1/changes", "k3", **other).json()["version"] == gone.json()["version"] + 1
    assert [one["change"]["type"] for one in changes(tmp_path / "journal")] == ["block", "isolate", "unblock", "block"]
