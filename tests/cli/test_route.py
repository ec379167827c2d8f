"""`guard route`."""

import json

import pytest

from tests.cli.measuring import elsewhere, run, taken
from tests.support.admin import admin

OPEN = {"isolated": False, "offline": False}
STILL = "guard: chat still answers nobody, for all is offline; `guard route online` without a model ends that\n"


def listed(folder):
    """What `guard route list` says of the one model."""
    (row,) = json.loads(run(folder, "route", "list", "--json").stdout)
    return row


def test_a_model_is_switched_and_back(tmp_path):
    """The version that is named is asked first; the one that it takes the place of is not fallen back to."""
    assert listed(tmp_path) == {"model": "chat", "active": "v2", "fallback": ["v1"], **OPEN}
    result = run(tmp_path, "route", "switch", "chat", "--to", "v1", "--reason", "v2 is poisoned")
    assert result.stdout.startswith("chat goes to v1: ")
    assert listed(tmp_path) == {"model": "chat", "active": "v1", "fallback": [], **OPEN}
    assert run(tmp_path, "route", "switch", "chat", "--reason", "v2 is mended").exit_code == 0
    assert listed(tmp_path)["active"] == "v2"
    assert [record["change"]["version"] for record in taken(tmp_path)] == ["v1", None]


def test_a_model_is_isolated_and_online_again(tmp_path):
    """Nobody gets to it, then everybody does."""
    assert run(tmp_path, "route", "isolate", "chat", "--reason", "r").stdout.startswith("chat is isolated: ")
    assert listed(tmp_path)["isolated"]
    assert run(tmp_path, "route", "list").stdout == "chat  v2, then v1  isolated\n"
    assert run(tmp_path, "route", "online", "chat", "--reason", "r").stdout.startswith("chat is online: ")
    assert not listed(tmp_path)["isolated"]


def test_a_model_or_all_of_them_are_offline(tmp_path):
    """A model is back only when what took it away is: itself, or the whole service."""
    assert run(tmp_path, "route", "offline", "chat", "--reason", "r").stdout.startswith("chat is offline: ")
    assert run(tmp_path, "route", "list").stdout == "chat  v2, then v1  offline\n"
    assert run(tmp_path, "route", "offline", "--reason", "r").stdout.startswith("all is offline: ")
    result = run(tmp_path, "route", "online", "chat", "--reason", "r")
    assert (result.exit_code, result.stderr) == (0, STILL)
    assert listed(tmp_path)["offline"]
    result = run(tmp_path, "route", "online", "--reason", "r")
    assert result.stdout.startswith("all is online: ")
    assert result.stderr == ""
    assert not listed(tmp_path)["offline"]


async def test_all_of_another_machine_stays_offline(tmp_path):
    """Who has one model of it online is told that it answers nobody yet, and what ends that."""
    async with admin(tmp_path) as api:
        await elsewhere(api, "commander", "route", "offline", "--reason", "r")
        result = await elsewhere(api, "commander", "route", "online", "chat", "--reason", "r", "--json")
        assert (result.exit_code, result.stderr) == (0, STILL)
        assert json.loads(result.stdout)["change"]["model"] == "chat"
        result = await elsewhere(api, "commander", "route", "online", "embed", "--reason", "r", "--dry-run")
        assert "`guard route online` without a model ends that" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["switch", "other", "--to", "v1"], "there is no model 'other'; there are chat"),
        (["switch", "chat", "--to", "v9"], "chat has no version 'v9'; it has v1, v2"),
        (["isolate", "other"], "there is no model 'other'"),
        (["online", "other"], "there is no model 'other'"),
        (["offline", "other"], "there is no model 'other'"),
    ],
)
def test_what_there_is_not_is_told(tmp_path, arguments, told):
    """And nothing is changed."""
    result = run(tmp_path, "route", *arguments, "--reason", "r")
    assert result.exit_code == 1
    assert told in result.stderr
    assert taken(tmp_path) == []
