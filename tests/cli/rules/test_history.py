"""`guard rules history`."""

import json

from guard.custody.control import append_all, change_record
from tests.cli.measuring import elsewhere, run, taken
from tests.cli.rules.pushing import folder
from tests.support.admin import admin


def changes(tmp_path):
    """Every change of rules, with its version."""
    return [
        (row["version"], row["change"]["type"])
        for row in json.loads(run(tmp_path, "rules", "history", "--json").stdout)
    ]


def test_history_tells_who_and_why(tmp_path):
    """Each change of rules, the oldest first; others are not among them."""
    run(tmp_path, "rules", "push", str(folder(tmp_path / "new", "one")), "--reason", "r", "--actor", "ann")
    run(tmp_path, "block", "ip", "192.0.2.1", "--reason", "r")
    run(tmp_path, "rules", "add", "--literal", "x", "--reason", "attack", "--for", "2h", "--incident", "INC-1")
    run(tmp_path, "rules", "rollback", "--to", "1", "--reason", "over")
    assert changes(tmp_path) == [(2, "push-rules"), (4, "add-rule"), (5, "push-rules"), (6, "remove-rule")]
    first, second, third, _ = run(tmp_path, "rules", "history").stdout.splitlines()
    assert "pushed" in first
    assert "ann: r" in first
    assert "INC-1: attack" in second
    assert "until" in second
    assert "back to the configured rules" in third


async def test_that_of_another_machine_is_told(tmp_path):
    """To who may read the history; with versions as they are there, those of a store too."""
    async with admin(tmp_path) as api:
        await elsewhere(api, "operator", "rules", "add", "--literal", "x", "--reason", "why", "--incident", "INC-1")
        await elsewhere(api, "operator", "block", "ip", "192.0.2.1", "--reason", "r")
        change = change_record({"type": "add-rule", "id": "y", "literal": "y"}, reason="r", actor="far")
        append_all(api.desk.journal, [{**change, "store": 70}])
        first, second = json.loads((await elsewhere(api, "analyst", "rules", "history", "--json")).stdout)
        refused = await elsewhere(api, "viewer", "rules", "history")
    assert list(first) == ["version", "at", "actor", "reason", "incident", "expires", "change"]
    assert (first["version"], first["actor"], first["incident"], first["expires"]) == (6, "a-operator", "INC-1", None)
    assert (second["version"], second["actor"]) == (70, "far")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "this is for the role analyst" in refused.stderr


def test_what_was_ordered_while_the_store_was_away_is_told_once(tmp_path):
    """With the version that it has in the store."""
    run(tmp_path, "rules", "push", str(folder(tmp_path / "new", "one")), "--reason", "r")
    (record,) = taken(tmp_path)
    again = {name: value for name, value in record.items() if name not in ("seq", "chain")}
    append_all(tmp_path / "var" / "journal", [{**again, "store": 9}])
    assert len(taken(tmp_path)) == 2
    assert changes(tmp_path) == [(9, "push-rules")]
