"""Who takes a command's order."""

import asyncio
import json

from click.testing import CliRunner

from guard.cli import main
from guard.custody.control import changes
from guard.custody.local import LOCK, Local, publish
from tests.cli.measuring import run, taken
from tests.support.admin import admin
from tests.support.processes import held


def command(*arguments, env=None):
    """Run a command with nothing but what is given."""
    return CliRunner().invoke(main, arguments, env=env)


def test_without_a_control_process_the_command_takes_it(tmp_path):
    """And says so; a file that is left of one that is gone keeps nobody from it."""
    (tmp_path / "var").mkdir()
    publish(tmp_path / "var", Local("http://127.0.0.1:9", 1, "t"))
    told = json.loads(run(tmp_path, "block", "ip", "192.0.2.1", "--reason", "r", "--json").stdout)
    assert (told["via"], told["version"], told["workers"]) == ("log", 2, 0)
    assert len(taken(tmp_path)) == 1


async def test_the_control_process_of_this_machine_takes_it(tmp_path):
    """Under the name of whoever runs the command, or the one that they say."""
    async with admin(tmp_path / "var") as api:
        with held(tmp_path / "var" / LOCK):
            publish(tmp_path / "var", Local(api.url, 1, api.tokens["local"]))
            told = await asyncio.to_thread(
                run, tmp_path, "block", "ip", "192.0.2.1", "--reason", "r", "--actor", "ann", "--for", "2h", "--json"
            )
            assert json.loads(told.stdout)["via"] == "api"
            listed = await asyncio.to_thread(run, tmp_path, "block", "list", "--json")
            (block,) = json.loads(listed.stdout)
            wrong = await asyncio.to_thread(run, tmp_path, "unblock", "ip", "192.0.2.9", "--reason", "r")
    assert (block["actor"], block["value"]) == ("ann", "192.0.2.1")
    assert wrong.stderr == "guard: ip 192.0.2.9 is not blocked by command; `guard block list` tells what is\n"


async def test_what_the_control_process_cannot_write_down_the_command_takes(tmp_path):
    """Where its audit log cannot be written it does nothing, and blocking goes on all the same."""
    async with admin(tmp_path / "var") as api:
        lock = api.desk.journal / "audit.lock"
        lock.unlink(missing_ok=True)
        lock.mkdir()
        with held(tmp_path / "var" / LOCK):
            publish(tmp_path / "var", Local(api.url, 1, api.tokens["local"]))
            told = await asyncio.to_thread(run, tmp_path, "block", "ip", "192.0.2.1", "--reason", "r", "--json")
        lock.rmdir()
    assert json.loads(told.stdout)["via"] == "log"
    assert [one["change"]["type"] for one in taken(tmp_path)][-1] == "block"


async def test_another_machine_takes_it(tmp_path):
    """Who one is the token says; no configuration is needed here, and what is in force there is told."""
    async with admin(tmp_path) as api:
        env = {"GUARD_ADMIN": api.url, "GUARD_TOKEN": api.tokens["operator"]}

        async def order(*words, env=env):
            return await asyncio.to_thread(command, *words, env=env)

        done = await order("block", "ip", "192.0.2.1", "--reason", "r", "--json")
        assert json.loads(done.stdout)["via"] == "api"
        assert json.loads((await order("block", "list", "--json")).stdout)[0]["actor"] == "a-operator"
        assert (await order("route", "list")).stdout == "chat  v1, then v2\nembed  e1\n"
        claimed = await order("block", "ip", "192.0.2.2", "--reason", "r", "--actor", "boss")
        assert "the token says there who you are" in claimed.stderr
        wrong = await order("block", "ip", "192.0.2.2", "--reason", "r", env={**env, "GUARD_TOKEN": "guard_wrong"})
        assert "a bearer token is needed" in wrong.stderr
        late = await order("block", "ip", "192.0.2.2", "--reason", "r", "--if-version", "1")
        assert "it was changed meanwhile" in late.stderr
        none = await order("block", "ip", "192.0.2.2", "--reason", "r", env={"GUARD_ADMIN": api.url, "GUARD_TOKEN": ""})
        assert "GUARD_TOKEN holds no token" in none.stderr
        assert len([one for one in changes(api.desk.journal) if one["change"]["type"] == "block"]) == 1
    gone = await asyncio.to_thread(command, "block", "list", "--admin", api.url, env={"GUARD_TOKEN": "guard_x"})
    assert "does not answer" in gone.stderr


def test_a_dry_run_only_tells(tmp_path):
    """What would be new, and what would be taken back."""
    block = "block", "ip", "192.0.2.1", "--reason", "why"
    told = run(tmp_path, *block, "--dry-run")
    assert (told.exit_code, told.stdout) == (0, "block ip 192.0.2.1: would be new\n")
    run(tmp_path, *block)
    told = run(tmp_path, "unblock", "ip", "192.0.2.1", "--reason", "r", "--dry-run", "--json")
    (row,) = json.loads(told.stdout)["preview"]
    assert (row["effect"], row["now"]["reason"]) == ("removes", "why")
    assert len(taken(tmp_path)) == 1


def test_an_order_for_another_version_is_not_taken(tmp_path):
    """Somebody else was quicker."""
    block = "block", "ip", "192.0.2.1", "--reason", "why", "--if-version"
    assert run(tmp_path, *block, "0").exit_code == 0
    again = run(tmp_path, *block, "0")
    assert again.exit_code == 1
    assert "has come to version 2, and the order was made for 0; nothing has changed" in again.stderr
    assert run(tmp_path, *block, "2").exit_code == 0


async def test_bytes_that_are_no_utf8_are_told_as_escapes(tmp_path):
    """In words, whoever takes the order; in what is to be put in force they are an error."""
    words = "block", "ip", "192.0.2.1", "--reason", "r\udcff", "--actor", "a\udcff", "--incident", "i\udcff"
    wrong = "block", "agent", "\udcff*", "--reason", "r"
    assert run(tmp_path, *words).exit_code == 0
    refused = [run(tmp_path, *wrong)]
    async with admin(tmp_path / "var") as api:
        with held(tmp_path / "var" / LOCK):
            publish(tmp_path / "var", Local(api.url, 1, api.tokens["local"]))
            assert (await asyncio.to_thread(run, tmp_path, *words)).exit_code == 0
            refused.append(await asyncio.to_thread(run, tmp_path, *wrong))
    assert {one.stderr for one in refused} == {"guard: '\\udcff*' is no UTF-8\n"}
    blocks = [one for one in taken(tmp_path) if one["change"]["type"] == "block"]
    assert [(one["reason"], one["actor"], one["incident"]) for one in blocks] == [
        ("r\\udcff", "a\\udcff", "i\\udcff")
    ] * 2
