"""`guard operator`."""

import json
import re

from guard.admin.operators import digest
from tests.cli.measuring import elsewhere, run, taken
from tests.support.admin import admin


def test_an_operator_is_added_and_removed(tmp_path):
    """The token is told once; the control log has its hash."""
    result = run(tmp_path, "operator", "add", "ann", "--role", "analyst", "--reason", "new")
    line, token = result.stdout.splitlines()
    assert line.startswith("ann is analyst: ")
    secret = token.removeprefix("token: ")
    assert taken(tmp_path)[0]["change"] == {
        "type": "add-operator", "name": "ann", "role": "analyst", "token": digest(secret),
    }  # fmt: skip
    assert run(tmp_path, "operator", "list").stdout.startswith("ann  analyst  since 20")
    rotated = json.loads(run(tmp_path, "operator", "rotate", "ann", "--reason", "lost", "--json").stdout)
    assert rotated["token"] != secret
    assert taken(tmp_path)[1]["change"]["token"] == digest(rotated["token"])
    (row,) = json.loads(run(tmp_path, "operator", "list", "--json").stdout)
    assert (row["name"], row["role"], row["reason"]) == ("ann", "analyst", "lost")
    assert "token" not in row
    assert run(tmp_path, "operator", "remove", "ann", "--reason", "gone").exit_code == 0
    assert run(tmp_path, "operator", "list").stdout == ""
    written = b"".join(path.read_bytes() for path in (tmp_path / "var").rglob("*") if path.is_file())
    assert secret.encode() not in written


def test_the_hash_of_a_token_is_told_to_nobody(tmp_path):
    """Also where the command writes the control log itself, and where it only tells what would be."""
    add = "operator", "add", "ann", "--role", "viewer", "--reason", "r"
    told = json.loads(run(tmp_path, *add, "--json").stdout)
    hashed = digest(told["token"])
    assert taken(tmp_path)[0]["change"]["token"] == hashed
    assert told["change"] == {"type": "add-operator", "name": "ann", "role": "viewer"}
    for words in ("--dry-run",), ("--dry-run", "--json"):
        would = run(tmp_path, *add, *words)
        assert "ann" in would.stdout
        assert hashed not in would.stdout
        assert not re.search("[0-9a-f]{64}", would.stdout)


def test_who_is_not_there_is_told(tmp_path):
    """And a name that is none."""
    for words, told in (
        (("rotate", "ann"), "there is no operator ann"),
        (("remove", "ann"), "there is no operator ann"),
        (("add", "a b", "--role", "viewer"), "cannot be an operator's name"),
    ):
        result = run(tmp_path, "operator", *words, "--reason", "r")
        assert result.exit_code == 1
        assert told in result.stderr
    assert taken(tmp_path) == []


async def test_another_machines_operators_are_told_to_its_commanders(tmp_path):
    """As here; who is none of them is told that, and may see all else that is in force."""
    async with admin(tmp_path) as api:
        assert (await elsewhere(api, "commander", "operator", "rotate", "a-viewer", "--reason", "lost")).exit_code == 0
        told = await elsewhere(api, "commander", "operator", "list", "--json")
        refused = await elsewhere(api, "operator", "operator", "list")
        assert (await elsewhere(api, "operator", "block", "list")).exit_code == 0
    rows = json.loads(told.stdout)
    assert [(row["name"], row["role"]) for row in rows] == [
        ("a-analyst", "analyst"), ("a-commander", "commander"), ("a-operator", "operator"), ("a-viewer", "viewer"),
    ]  # fmt: skip
    assert list(rows[0]) == ["name", "role", "version", "at", "actor", "reason", "incident", "expires"]
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "this is for the role commander" in refused.stderr
