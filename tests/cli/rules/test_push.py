"""`guard rules push`."""

import json

import pytest

from guard.custody.bundles import Shelf
from guard.custody.workers import Running, acknowledge
from guard.journal.slot import claim
from guard.ruleset.bundle import load
from tests.cli.measuring import elsewhere, run, taken
from tests.cli.rules.pushing import folder
from tests.support.admin import admin


def test_a_folder_is_pushed(tmp_path):
    """It is one change, and its bundle is named by the hash that the folder has."""
    rules = folder(tmp_path / "new", "one", "two")
    result = run(tmp_path, "rules", "push", str(rules), "--reason", "campaign", "--incident", "INC-1", "--json")
    assert result.exit_code == 0
    (record,) = taken(tmp_path)
    name = load(rules).hash
    assert record["change"] == {"type": "push-rules", "bundle": name}
    assert (record["reason"], record["incident"]) == ("campaign", "INC-1")
    shelf = Shelf(tmp_path / "var")
    assert b"About two" in (shelf.get(name) or b"")
    assert shelf.known_good() == [name]
    assert json.loads(result.stdout)["change"]["bundle"] == name


def test_every_mistake_is_told_and_nothing_is_changed(tmp_path):
    """File, rule, field and why, a line each."""
    rules = folder(tmp_path / "new", "one", "two")
    path = rules / "10-test.yaml"
    path.write_text(path.read_text().replace("level: high", "level: hihg", 1).replace('match: ["two"]', 'match: ["x"]'))
    (rules / "20-test.yaml").write_text("- id: [")
    result = run(tmp_path, "rules", "push", str(rules), "--reason", "r")
    assert result.exit_code == 1
    told = result.stderr.splitlines()
    assert len(told) == 3
    assert told[0].startswith("guard: 10-test.yaml:4: one: level: Invalid enum value")
    assert "20-test.yaml" in told[1]
    assert "10-test.yaml:18: two: tests.match: 'x' does not match" in told[2]
    assert taken(tmp_path) == []
    assert not (tmp_path / "var" / "bundles").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["nowhere"], 2, "does not exist"),
        (["empty"], 1, "there are no rules in"),
        (["new", "--for", "2h"], 2, "do not end by themselves"),
    ],
)
def test_what_cannot_be_pushed_is_refused(tmp_path, monkeypatch, arguments, code, told):
    """And changes nothing."""
    folder(tmp_path / "new", "one")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    result = run(tmp_path, "rules", "push", *arguments, "--reason", "r")
    assert result.exit_code == code
    assert told in result.stderr
    assert taken(tmp_path) == []


def test_a_dry_run_tells_what_would_change(tmp_path, monkeypatch):
    """By the ids of rules, against those that are in force; and changes nothing."""
    monkeypatch.chdir(tmp_path)
    folder(tmp_path / "rules", "one", "two", three="drei")
    new = folder(tmp_path / "new", "two", "four", three="tri")
    result = run(tmp_path, "rules", "push", str(new), "--dry-run", "--reason", "r")
    assert (result.exit_code, result.stdout.splitlines()[:3]) == (0, ["+ four", "- one", "~ three"])
    assert "nothing was changed" in result.stdout
    assert taken(tmp_path) == []
    run(tmp_path, "rules", "push", str(new), "--reason", "r")
    told = json.loads(run(tmp_path, "rules", "push", str(new), "--dry-run", "--reason", "r", "--json").stdout)
    assert (told["rules"], told["added"], told["removed"], told["changed"]) == (3, [], [], [])
    assert len(taken(tmp_path)) == 1


def test_a_phrase_list_that_changes_changes_its_rule(tmp_path, monkeypatch):
    """Though the rule itself is the same."""
    monkeypatch.chdir(tmp_path)
    rules = folder(tmp_path / "rules", "one")
    path = rules / "10-test.yaml"
    path.write_text(path.read_text().replace('any: ["one"]', "any_file: list.txt"))
    (rules / "data").mkdir()
    (rules / "data" / "list.txt").write_text("one\n")
    run(tmp_path, "rules", "push", str(rules), "--reason", "r")
    (rules / "data" / "list.txt").write_text("one\nmore\n")
    told = json.loads(run(tmp_path, "rules", "push", str(rules), "--dry-run", "--reason", "r", "--json").stdout)
    assert told["changed"] == ["one"]


def test_it_waits_until_they_are_in_force(tmp_path, monkeypatch):
    """A worker that still makes them ready is late, one that could not have them is told with why."""
    monkeypatch.setattr("guard.control.force.PUSH_SECONDS", 0.05)
    rules = str(folder(tmp_path / "new", "one"))
    with claim(tmp_path / "var" / "journal"):
        acknowledge(tmp_path / "var", Running("w1", 1, 9, 9, waits="a" * 64))
        result = run(tmp_path, "rules", "push", rules, "--reason", "r")
        assert result.exit_code == 1
        assert "in force on 0 of 1 workers" in result.stdout
        acknowledge(tmp_path / "var", Running("w1", 1, 9, 9, fault="they are not here"))
        result = run(tmp_path, "rules", "push", rules, "--reason", "r")
        assert (result.exit_code, result.stderr) == (1, "guard: w1: not in force there: they are not here\n")


async def test_another_machine_gets_and_checks_them(tmp_path, monkeypatch):
    """All that is told is told there, and this machine is left as it was."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    rules = folder(tmp_path / "new", "one", "two")
    push = "rules", "push", str(rules), "--reason", "r"
    async with admin(tmp_path / "there") as api:
        dry = json.loads((await elsewhere(api, "operator", *push, "--dry-run", "--json")).stdout)
        assert dry == {
            "bundle": load(rules).hash, "rules": 2, "warnings": [], "added": ["one", "two"], "removed": [],
            "changed": [],
        }  # fmt: skip
        assert not (tmp_path / "there" / "bundles").exists()
        told = await elsewhere(api, "operator", *push, "--json")
        assert json.loads(told.stdout)["change"] == {"type": "push-rules", "bundle": load(rules).hash}
        assert Shelf(tmp_path / "there").known_good() == [load(rules).hash]
        assert "this is for the role operator" in (await elsewhere(api, "viewer", *push)).stderr
        path = rules / "10-test.yaml"
        path.write_text(
            path.read_text().replace("level: high", "level: hihg", 1).replace('match: ["two"]', 'match: ["x"]')
        )
        wrong = await elsewhere(api, "operator", *push, "--json")
        assert (wrong.exit_code, wrong.stdout) == (1, "")
        first, second = wrong.stderr.splitlines()
        assert first.startswith("guard: 10-test.yaml:4: one: level: Invalid enum value")
        assert second.startswith("guard: 10-test.yaml:18: two: tests.match: 'x' does not match")
        path.write_text(path.read_text().replace('any: ["two"]', "any_file: none.txt"))
        missing = await elsewhere(api, "operator", *push)
        assert "10-test.yaml:15: two: match.any_file: 'none.txt': cannot be read" in missing.stderr
    assert list((tmp_path / "here").iterdir()) == []
