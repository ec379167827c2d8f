"""Asking a control process."""

import asyncio
import socket

import pytest
from click.testing import CliRunner

from guard.admin.listener import Listener
from guard.admin.shapes import Status
from guard.cli import main
from guard.cli.errors import TroubleError
from guard.cli.remote import Remote, UnreachableError, here
from guard.config import Admin
from guard.custody.local import LOCK, Local, publish
from guard.custody.measures import Measure
from tests.cli.measuring import elsewhere
from tests.support.admin import admin
from tests.support.processes import held


def test_one_that_hangs_is_as_good_as_none(tmp_path):
    """It is not waited for long."""
    with socket.create_server(("127.0.0.1", 0)) as silent, held(tmp_path / LOCK):
        publish(tmp_path, Local(f"http://127.0.0.1:{silent.getsockname()[1]}", 1, "t"))
        assert here(tmp_path) is None
    assert here(tmp_path / "nowhere") is None


async def test_who_has_taken_the_place_of_one_that_is_gone_is_not_asked(tmp_path):
    """Anybody may listen there by then."""
    async with admin(tmp_path) as api:
        publish(tmp_path, Local(api.url, 1, api.tokens["local"]))
        with held(tmp_path / LOCK):
            found = await asyncio.to_thread(here, tmp_path)
            assert found is not None
            found.close()
        assert await asyncio.to_thread(here, tmp_path) is None
    assert "local" not in {one.get("actor") for one in api.audit()}


@pytest.mark.parametrize("token", ["\u00e9", "\udcff", "guard_a\n", "guard_a\x01"])
def test_what_is_no_token_is_not_sent(monkeypatch, token):
    """It is said, without it."""
    monkeypatch.setenv("GUARD_TOKEN", token)
    told = CliRunner().invoke(main, ["block", "list", "--admin", "http://127.0.0.1:9"]).stderr
    assert told == "guard: GUARD_TOKEN holds no token, but characters that are in none; is it all that was copied?\n"


async def test_measures_come_page_by_page(tmp_path, monkeypatch):
    """All of them."""
    monkeypatch.setattr("guard.cli.remote.PAGE", 2)
    async with admin(tmp_path) as api:
        remote = Remote(api.url, api.tokens["commander"], local=False)
        found = await asyncio.to_thread(lambda: list(remote.items("/v1/measures", Measure)))
        remote.close()
    assert sorted(str(getattr(one.change, "name", "")) for one in found) == [
        "a-analyst",
        "a-commander",
        "a-operator",
        "a-viewer",
    ]


async def test_refusals_are_told_in_words(tmp_path):
    """What is wrong, and what was expected."""
    async with admin(tmp_path) as api:
        remote = Remote(api.url, api.tokens["viewer"], local=False)
        with pytest.raises(TroubleError, match="this is for the role operator"):
            await asyncio.to_thread(remote.place, {"changes": [], "reason": "r"})
        remote.close()
        remote = Remote(api.url, api.tokens["operator"], local=False)
        with pytest.raises(TroubleError, match=r"^reason: expected `str` of length >= 1$"):
            await asyncio.to_thread(remote.place, {"changes": [{"type": "online"}], "reason": ""})
        order = {"changes": [{"type": "online"}], "reason": "r", "each": [{"why": ""}]}
        with pytest.raises(TroubleError, match=r"^each\[0\]: object contains unknown field; one of reason, incident"):
            await asyncio.to_thread(remote.place, order)
        remote.close()


def test_what_is_no_admin_api_is_told():
    """Nobody there, or somebody else."""
    with pytest.raises(UnreachableError, match="does not answer"):
        Remote("http://127.0.0.1:9", "t", local=True).get("/v1/status", Status)
    with pytest.raises(UnreachableError, match="does not answer"):
        Remote("nonsense", "t", local=True).get("/v1/status", Status)


async def test_what_answers_otherwise_is_told():
    """A guard of another version, or something else that speaks JSON."""

    async def other(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": b'{"node": "a", "workers": []}'})

    opened: asyncio.Queue[str] = asyncio.Queue()
    listener = Listener(Admin(listen="127.0.0.1:0"), other, opened.put_nowait)
    task = asyncio.create_task(listener.run())
    env = {"GUARD_ADMIN": await opened.get(), "GUARD_TOKEN": "guard_t"}
    for words in ("status --json", "block list", "rules list", "rules history", "limit list", "limit show global"):
        told = await asyncio.to_thread(CliRunner().invoke, main, words.split(), env=env)
        assert (told.exit_code, told.stdout) == (1, "")
        assert "does not answer as a guard of this version does: Object missing required field" in told.stderr
    order = await asyncio.to_thread(CliRunner().invoke, main, ["block", "ip", "192.0.2.1", "--reason", "r"], env=env)
    assert "does not answer as a guard of this version does" in order.stderr
    listener.end()
    await task


@pytest.mark.parametrize(
    "words", [("limit", "show"), ("block", "client", "--for", "1h", "--escalate", "--reason", "r")]
)
async def test_bytes_that_are_no_utf8_are_not_asked_for(tmp_path, words):
    """Nobody is called so."""
    async with admin(tmp_path) as api:
        name = "client:\udcff" if words[0] == "limit" else "\udcff"
        told = await elsewhere(api, "operator", *words, name)
    assert told.exit_code == 1
    assert told.stderr.endswith("\\udcff' is no UTF-8\n")
    nowhere = CliRunner().invoke(main, ["block", "list", "--admin", "http://\udcff"], env={"GUARD_TOKEN": "guard_t"})
    assert nowhere.exit_code == 1
    assert "is no UTF-8" in nowhere.stderr or "does not answer" in nowhere.stderr
