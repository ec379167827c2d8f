"""`guard operator`."""

import json
import re

from guard.admin.operators import digest
from tests.cli.measuring import run, taken


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
