"""`guard rules rollback`."""

import json

from tests.cli.measuring import elsewhere, run, taken
from tests.cli.rules.pushing import folder
from tests.support.admin import admin


def state(tmp_path):
    """The rules in force: ids, and whether each is."""
    return {row["id"]: row["status"] for row in json.loads(run(tmp_path, "rules", "list", "--json").stdout)}


def test_the_rules_are_those_of_before_again(tmp_path):
    """What was pushed, added and disabled, in one order; and rolling that back undoes it."""
    run(tmp_path, "rules", "push", str(folder(tmp_path / "new", "one", "two")), "--reason", "r")
    run(tmp_path, "rules", "disable", "one", "--reason", "r")
    run(tmp_path, "block", "ip", "192.0.2.1", "--reason", "r")
    before = state(tmp_path)
    run(tmp_path, "rules", "push", str(folder(tmp_path / "new", "three")), "--reason", "bad")
    run(tmp_path, "rules", "enable", "one", "--reason", "bad")
    run(tmp_path, "rules", "add", "--literal", "x", "--reason", "bad", "--expires", "2h")
    after = state(tmp_path)
    dry = json.loads(run(tmp_path, "rules", "rollback", "--to", "3", "--dry-run", "--reason", "r", "--json").stdout)
    assert [change["type"] for change in dry["changes"]] == ["push-rules", "remove-rule", "disable-rule"]
    assert state(tmp_path) == after
    result = run(tmp_path, "rules", "rollback", "--to", "3", "--reason", "it was bad", "--incident", "INC-1")
    assert result.exit_code == 0
    assert "rolled back to version 3" in result.stdout
    assert "one is disabled" in result.stdout
    assert state(tmp_path) == before
    assert {(record["at"], record["reason"]) for record in taken(tmp_path)[-3:]} == {
        (taken(tmp_path)[-1]["at"], "it was bad")
    }
    told = json.loads(run(tmp_path, "rules", "rollback", "--reason", "it was good", "--json").stdout)
    assert [record["change"]["type"] for record in told["records"]] == ["push-rules", "add-rule", "enable-rule"]
    assert told["records"][0].get("expires") is None
    assert told["records"][1]["expires"] == taken(tmp_path)[5]["expires"]
    assert state(tmp_path) == after
    assert [record["change"]["type"] for record in taken(tmp_path)][2] == "block"


def test_without_a_way_back_nothing_is_changed(tmp_path):
    """No change yet, no such version, or rules that are not here any more."""
    result = run(tmp_path, "rules", "rollback", "--reason", "r")
    assert (result.exit_code, "no rules were pushed" in result.stderr) == (1, True)
    run(tmp_path, "rules", "push", str(folder(tmp_path / "new", "one")), "--reason", "r")
    for path in (tmp_path / "var" / "bundles").iterdir():
        path.unlink()
    run(tmp_path, "rules", "push", str(folder(tmp_path / "new", "two")), "--reason", "r")
    result = run(tmp_path, "rules", "rollback", "--reason", "r")
    assert (result.exit_code, "not in" in result.stderr) == (1, True)
    assert run(tmp_path, "rules", "rollback", "--to", "77", "--reason", "r").exit_code == 1
    assert run(tmp_path, "rules", "rollback", "--for", "2h", "--reason", "r").exit_code == 2
    assert len(taken(tmp_path)) == 2


def test_what_is_not_there_any_more_is_not_disabled_again(tmp_path):
    """It is told, and the rest is as it was."""
    run(tmp_path, "rules", "push", str(folder(tmp_path / "a", "one", "two")), "--reason", "r")
    run(tmp_path, "rules", "disable", "one", "--reason", "r")
    run(tmp_path, "rules", "push", str(folder(tmp_path / "b", "two")), "--reason", "r")
    run(tmp_path, "rules", "disable", "two", "--reason", "r")
    before = json.loads(run(tmp_path, "rules", "rollback", "--dry-run", "--reason", "r", "--json").stdout)
    assert [change["type"] for change in before["changes"]] == ["enable-rule"]
    version = taken(tmp_path)[-1]["seq"] + 1
    run(tmp_path, "rules", "enable", "one", "--reason", "r")
    run(tmp_path, "rules", "enable", "two", "--reason", "r")
    result = run(tmp_path, "rules", "rollback", "--to", str(version), "--reason", "r")
    assert result.exit_code == 0, result.stderr
    assert "one: there is no such rule any more" in result.stderr
    assert state(tmp_path) == {"two": "disabled"}


async def test_it_is_the_other_machines_way_back(tmp_path, monkeypatch):
    """What is there, and was there; nothing of this machine is asked."""
    monkeypatch.chdir(tmp_path)
    rules = str(folder(tmp_path / "new", "one", "two"))
    async with admin(tmp_path / "there") as api:
        assert "no rules were pushed" in (await elsewhere(api, "operator", "rules", "rollback", "--reason", "r")).stderr
        for words in (("push", rules), ("disable", "one")):
            assert (await elsewhere(api, "operator", "rules", *words, "--reason", "r")).exit_code == 0
        back = "rules", "rollback", "--to", "0", "--reason", "r"
        dry = await elsewhere(api, "operator", *back, "--dry-run", "--json")
        assert [change["type"] for change in json.loads(dry.stdout)["changes"]] == ["push-rules", "enable-rule"]
        stale = await elsewhere(api, "operator", *back, "--if-version", "1")
        assert "it was changed meanwhile" in stale.stderr
        assert stale.stdout == ""  # nothing is said to be done that is not
        told = await elsewhere(api, "operator", *back)
        assert told.stdout.splitlines()[1:] == [
            "one is enabled",
            "rolled back to version 0: no guard runs here now; it is in force when one is started",
        ]
        assert json.loads((await elsewhere(api, "viewer", "rules", "list", "--json")).stdout) == []
