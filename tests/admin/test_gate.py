"""What every call passes, on real sockets."""

import asyncio
import socket
import threading
from contextlib import contextmanager
from typing import Any

import pytest

from guard.admin import gate
from guard.admin.operators import new_token
from guard.control.desk import Desk
from tests.support.admin import REASON, admin

BLOCK = {"kind": "ip", "value": "203.0.113.9", **REASON}
JSON = {"content-type": "application/json"}
ORDER: dict[str, Any] = {"changes": [{"type": "block", "kind": "ip", "value": "203.0.113.9"}], **REASON}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "localhost"}, 200),
        ({"host": "LOCALHOST:1234"}, 200),
        ({"host": "guard.example"}, 200),
        ({"host": "guard.example."}, 200),
        ({"host": "evil.example"}, 403),
        ({"host": "localhost.evil.example"}, 403),
        ({"host": "localhost@evil.example"}, 403),
        ({"host": ""}, 403),
        ({"host": "localhost", "origin": "http://localhost"}, 200),
        ({"host": "localhost", "origin": "http://localhost:3000"}, 403),
        ({"host": "localhost", "origin": "https://localhost"}, 403),
        ({"host": "localhost", "origin": "null"}, 403),
        ({"host": "localhost", "origin": "http://evil.example"}, 403),
    ],
)
async def test_a_call_is_meant_for_this_listener(tmp_path, headers, status):
    """Under one of its names, and from no other site's page; whoever it is, and also where no token is needed."""
    async with admin(tmp_path, hosts=("guard.example",)) as api:
        for path, role in (("/v1/blocks", "viewer"), ("/healthz", None)):
            async with api.client(role) as client:
                answer = await client.get(path, headers=headers)
            assert answer.status_code == status
            assert "access-control-allow-origin" not in answer.headers
            assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("GET", "/nothing", {}, 404),
        ("GET", "/v1/blocks/", {}, 404),
        ("GET", "/v1//blocks", {}, 404),
        ("GET", "/v1/blocks/planet/earth", {}, 404),
        ("PUT", "/v1/blocks", {}, 405),
        ("OPTIONS", "/v1/blocks", {}, 405),
        ("HEAD", "/v1/blocks", {}, 200),
        ("GET", "/v1/blocks", {"headers": {"accept": "text/html"}}, 406),
        ("GET", "/v1/blocks", {"headers": {"accept": "application/json;q=0"}}, 406),
        ("GET", "/v1/blocks", {"headers": {"accept": "text/html, application/*;q=0.1"}}, 200),
        ("GET", "/v1/blocks?limit=0", {}, 400),
        ("GET", "/v1/blocks?limit=x", {}, 400),
        ("GET", "/v1/blocks?limit=1&limit=2", {}, 400),
        ("GET", "/v1/blocks?what=1", {}, 400),
        ("GET", "/v1/blocks?limit=%ff", {}, 400),
        ("GET", "/v1/blocks?cursor=AAAA", {}, 422),
        ("GET", "/v1/journal?until=null", {}, 400),
        ("GET", "/v1/blocks?limit=" + "1" * 9_000, {}, 400),
        ("POST", "/v1/blocks", {"content": b"{}", "headers": {"content-type": "text/plain"}}, 415),
        ("POST", "/v1/blocks", {"json": BLOCK, "headers": {"content-encoding": "gzip"}}, 415),
        ("POST", "/v1/blocks", {"content": b"{", "headers": JSON}, 400),
        ("POST", "/v1/blocks", {"content": b'{"kind":"ip","kind":"key"}', "headers": JSON}, 400),
        ("POST", "/v1/blocks", {"content": b"\xff", "headers": JSON}, 400),
        ("POST", "/v1/blocks", {"json": []}, 422),
        ("POST", "/v1/blocks", {"json": {**BLOCK, "other": 1}}, 422),
        ("POST", "/v1/blocks", {"json": {**BLOCK, "reason": ""}}, 422),
        ("POST", "/v1/blocks", {"json": {**BLOCK, "value": "nonsense"}}, 422),
        ("POST", "/v1/blocks", {"json": {**BLOCK, "kind": "client", "value": "nobody"}}, 404),
        ("POST", "/v1/blocks", {"json": {**BLOCK, "expires": 1}}, 422),
        ("POST", "/v1/blocks", {"json": {**BLOCK, "actor": "somebody else"}}, 403),
        ("POST", "/v1/blocks", {"content": b" " * 70_000, "headers": JSON}, 413),
        ("POST", "/v1/blocks", {"json": BLOCK, "headers": {"if-match": '"0"'}}, 412),
        ("POST", "/v1/blocks", {"json": BLOCK, "headers": {"if-match": "nonsense"}}, 412),
        ("POST", "/v1/blocks", {"json": BLOCK, "headers": {"idempotency-key": "x" * 256}}, 400),
        ("POST", "/v1/blocks", {"json": BLOCK}, 201),
    ],
)  # fmt: skip
async def test_a_call_that_is_none_is_refused(tmp_path, method, path, options, status):
    """With a problem that says what, in JSON, and nothing is changed."""
    async with admin(tmp_path) as api, api.client() as client:
        answer = await client.request(method, path, **options)
        assert answer.status_code == status
        if status >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["status"] == status
        if status == 405:
            assert "GET" in answer.headers["allow"]
        with api.desk.state() as state:
            assert len(state.blocks) == (status == 201)


async def test_the_same_call_again_is_answered_as_before(tmp_path):
    """With an Idempotency-Key nothing is done twice; another call with the same key is refused."""
    async with admin(tmp_path) as api, api.client() as client:
        headers = {"idempotency-key": "k-1"}
        first = await client.post("/v1/blocks", json=BLOCK, headers=headers)
        again = await client.post("/v1/blocks", json=BLOCK, headers=headers)
        other = await client.post("/v1/blocks", json={**BLOCK, "value": "203.0.113.8"}, headers=headers)
        async with api.client("operator") as somebody:
            theirs = await somebody.post("/v1/blocks", json=BLOCK, headers=headers)
        assert (first.status_code, again.status_code, other.status_code, theirs.status_code) == (201, 201, 422, 201)
        assert again.content == first.content
        assert again.headers["idempotency-replayed"] == "true"
        assert theirs.json()["version"] == first.json()["version"] + 1
        token = await client.post("/v1/operators", json={"name": "x", "role": "viewer", **REASON}, headers=headers)
        assert token.status_code == 400


async def test_two_operators_race(tmp_path):
    """Both have seen the same state: one of them is told that it has changed, with what it is now."""
    async with admin(tmp_path) as api, api.client("operator") as one, api.client("commander") as other:
        seen = (await one.get("/v1/blocks")).headers["etag"]
        answers = await asyncio.gather(
            one.post("/v1/blocks", json=BLOCK, headers={"if-match": seen}),
            other.post("/v1/blocks", json={**BLOCK, "value": "203.0.113.8"}, headers={"if-match": seen}),
        )
        lost, won = sorted(answers, key=lambda answer: -answer.status_code)
        assert (lost.status_code, won.status_code) == (412, 201)
        assert lost.json()["version"] == won.json()["version"]


async def test_a_measure_is_taken_back_as_it_was_seen(tmp_path):
    """Whatever else has changed; but not once somebody has set it anew."""
    async with admin(tmp_path) as api, api.client() as client:
        await client.post("/v1/blocks", json=BLOCK)
        path = "/v1/blocks/ip/203.0.113.9"
        seen = await client.get(path)
        assert (await client.get(path, headers={"if-none-match": seen.headers["etag"]})).status_code == 304
        await client.post("/v1/blocks", json={**BLOCK, "value": "203.0.113.8"})
        await client.post("/v1/blocks", json={**BLOCK, "reason": "anew"})
        headers = {"if-match": seen.headers["etag"]}
        refused = await client.delete(path, params=REASON, headers=headers)
        assert (refused.status_code, refused.json()["current"]["reason"]) == (412, "anew")
        headers["if-match"] = refused.headers["etag"]
        await client.post("/v1/blocks", json={**BLOCK, "value": "203.0.113.7"})
        assert (await client.delete(path, params=REASON, headers=headers)).status_code == 200
        assert (await client.delete(path, params=REASON)).status_code == 404


async def test_failures_are_bounded_and_keep_nobody_out(tmp_path):
    """Who guesses is soon told to wait; whose token counts is served from the same address all the same."""
    async with admin(tmp_path) as api, api.client(None) as client:
        statuses = []
        for _ in range(gate.FAILURES_AT_ONCE + 5):
            answer = await client.get("/v1/blocks", headers={"authorization": f"Bearer {new_token()}"})
            statuses.append(answer.status_code)
        assert statuses[: gate.FAILURES_AT_ONCE] == [401] * gate.FAILURES_AT_ONCE
        assert statuses[-1] == 429
        assert int(answer.headers["retry-after"]) > 0
        async with api.client("viewer") as viewer:
            assert (await viewer.get("/v1/blocks")).status_code == 200


async def test_an_operator_calls_so_often_and_no_more(tmp_path, monkeypatch):
    """Others, and this machine's own token, are not held up by that."""
    monkeypatch.setattr(gate, "CALLS_AT_ONCE", 3)
    monkeypatch.setattr(gate, "CALLS_PER_SECOND", 0.01)
    async with admin(tmp_path) as api:
        async with api.client("viewer") as client:
            statuses = [(await client.get("/v1/blocks")).status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        async with api.client("local") as client:
            assert [(await client.get("/v1/blocks")).status_code for _ in range(5)] == [200] * 5


async def test_a_token_counts_until_it_does_not(tmp_path):
    """It is shown once, and does nothing any more as soon as its operator is removed, or has another one."""
    async with admin(tmp_path) as api, api.client() as client:
        given = {"name": "eve", "role": "viewer", **REASON}
        token = (await client.post("/v1/operators", json=given)).json()["token"]
        headers = {"authorization": f"Bearer {token}"}
        async with api.client(None, headers=headers) as eve:
            assert (await eve.get("/v1/blocks")).status_code == 200
            other = (await client.post("/v1/operators", json=given)).json()["token"]
            assert (await eve.get("/v1/blocks")).status_code == 401
            headers = {"authorization": f"bearer {other}"}
            assert (await eve.get("/v1/blocks", headers=headers)).status_code == 200
            assert (await client.delete("/v1/operators/eve", params=REASON)).status_code == 200
            assert (await eve.get("/v1/blocks", headers=headers)).status_code == 401


async def test_only_this_machines_token_says_who_one_is(tmp_path):
    """An operator is who the token says."""
    async with admin(tmp_path) as api:
        for role, status in (("local", 201), ("commander", 403)):
            async with api.client(role) as client:
                answer = await client.post("/v1/changes", json={**ORDER, "actor": "ann"})
            assert answer.status_code == status
            if status == 201:
                assert answer.json()["changes"][0]["actor"] == "ann"


async def test_what_cannot_be_written_down_is_not_done(tmp_path):
    """Changes are refused while the audit log cannot be written; what is open, and looking, goes on."""
    async with admin(tmp_path) as api, api.client() as client:
        with _blocked(api.desk.journal / "audit.lock"):
            answer = await client.post("/v1/blocks", json=BLOCK)
            assert (answer.status_code, answer.json()["type"]) == (503, "urn:guard:problem:audit")
            assert (await client.get("/v1/blocks")).json()["items"] == []
            assert (await client.get("/healthz")).status_code == 200


@contextmanager
def _blocked(path):
    path.unlink(missing_ok=True)
    path.mkdir()
    yield
    path.rmdir()


async def test_tokens_are_nowhere(tmp_path, caplog):
    """Wherever a token is put, rightly or wrongly, it is in no answer, no log and no file."""
    async with admin(tmp_path) as api:
        token = api.tokens["commander"]
        async with api.client() as client:
            heard = [
                await client.get(f"/v1/blocks?{token}={token}"),
                await client.get(f"/v1/{token}"),
                await client.get(f"/v1/blocks/ip/{token}"),
                await client.get(f"/v1/blocks/{token}/x"),
                await client.get(f"/v1/blocks?cursor={token}"),
                await client.post("/v1/blocks", json={**BLOCK, token: 1}),
                await client.post("/v1/blocks", json={**BLOCK, "kind": token}),
                await client.post("/v1/blocks", json={**BLOCK, "value": token}),
                await client.post("/v1/blocks", json={**BLOCK, "kind": "client", "value": token}),
                await client.post("/v1/blocks", content=f'{{"{token}":1,"{token}":2}}'.encode(), headers=JSON),
                await client.post("/v1/changes", json={"changes": [{"type": token}], **REASON}),
                await client.post("/v1/changes", json={"changes": [{**ORDER["changes"][0], token: 1}], **REASON}),
                await client.post("/v1/operators", json={"name": f"a {token}", "role": "viewer", **REASON}),
                await client.post("/v1/blocks", json=BLOCK, headers={"idempotency-key": token}),
                await client.get("/v1/events", headers={"last-event-id": token}),
                await client.request(token, "/v1/blocks"),
                await client.get("/v1/blocks", headers={"host": token}),
                await client.get("/v1/blocks", headers={"origin": token}),
                await client.get("/v1/blocks", headers={"authorization": f"Basic {token}"}),
                await client.get("/v1/operators"),
            ]  # fmt: skip
        with socket.create_connection(("127.0.0.1", api.port)) as line:
            line.sendall(f"GET /{token} \x00 HTTP/9\r\n{token}\r\n\r\n".encode())
            told = await asyncio.to_thread(line.recv, 65_536)
        await api.audited(20)
    assert all(answer.status_code for answer in heard)
    assert [answer.text for answer in heard if token in answer.text or token in str(answer.headers)] == []
    assert token.encode() not in told
    assert token not in caplog.text
    assert [path for path in tmp_path.rglob("*") if path.is_file() and token.encode() in path.read_bytes()] == []


async def test_orders_that_wait_hold_up_nobody_who_looks(tmp_path, monkeypatch):
    """However many of them there are: where a worker hangs each may wait for long."""
    waiting = threading.Event()
    monkeypatch.setattr(Desk, "place", lambda *_: waiting.wait(20) and None)
    async with admin(tmp_path) as api, api.client("operator") as client:
        orders = [asyncio.create_task(client.post("/v1/blocks", json=BLOCK)) for _ in range(gate.ORDERS + 1)]
        try:
            await api.audited(gate.ORDERS)
            async with asyncio.timeout(5), api.client("viewer") as viewer:
                assert (await viewer.get("/healthz")).status_code == 200
                assert (await viewer.get("/v1/blocks")).status_code == 200
        finally:
            waiting.set()
            await asyncio.gather(*orders)


async def test_a_control_log_that_cannot_be_read_is_told_and_nothing_more(tmp_path, caplog):
    """Who has a token nobody can tell then, and nobody can have the log filled with that; this machine's own counts."""
    async with admin(tmp_path) as api, api.client("operator") as client, api.client("local") as local:
        assert (await client.get("/v1/blocks")).status_code == 200
        (segment,) = (api.desk.journal / "control").iterdir()
        with segment.open("ab") as file:
            file.write(b"{}\n")
        caplog.clear()
        statuses = [(await client.get("/v1/blocks")).status_code for _ in range(gate.FAILURES_AT_ONCE + 5)]
        assert statuses == [503] * gate.FAILURES_AT_ONCE + [429] * 5
        # Who follows the log says once that it cannot be read, whenever it looks.
        assert [record for record in caplog.records if record.name == gate.logger.name] == []
        answer = await local.get("/v1/blocks")
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:guard:problem:control-log")
