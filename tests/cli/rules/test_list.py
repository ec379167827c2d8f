"""`guard rules list`."""

import json

import pytest
from msgspec.structs import replace

from guard.config import Rules
from guard.control.rulebook import rows
from tests.cli.measuring import elsewhere, run
from tests.cli.rules.pushing import folder
from tests.support.admin import admin


@pytest.fixture(autouse=True)
def configured(tmp_path, monkeypatch):
    """Two rules in the configured folder."""
    monkeypatch.chdir(tmp_path)
    folder(tmp_path / "rules", "one", watched="two")


def listed(tmp_path):
    """What is listed, by id."""
    return {row["id"]: row for row in json.loads(run(tmp_path, "rules", "list", "--json").stdout)}


def test_all_rules_are_listed_with_where_they_are_from(tmp_path):
    """The configured ones, those that were added, and what was done to them."""
    run(tmp_path, "rules", "add", "--literal", "evil", "--reason", "attack", "--shadow")
    run(tmp_path, "rules", "disable", "one", "--reason", "too eager", "--for", "2h")
    rows = listed(tmp_path)
    assert {id_: (row["from"], row["status"]) for id_, row in rows.items() if id_[:5] != "added"} == {
        "one": ("configured", "disabled"), "watched": ("configured", "enforce"),
    }  # fmt: skip
    (added,) = [row for row in rows.values() if row["from"] == "added"]
    assert (added["status"], added["text"], added["reason"]) == ("shadow", "evil", "attack")
    assert rows["one"]["disabled"]["reason"] == "too eager"
    text = run(tmp_path, "rules", "list").stdout
    assert "watched  prompt block enforce  10-test.yaml  About two" in text
    assert "one  prompt block disabled" in text
    assert ": too eager)" in text


def test_those_that_were_pushed_are_listed(tmp_path):
    """In the place of the configured ones; as long as they are anywhere to be had."""
    run(tmp_path, "rules", "push", str(folder(tmp_path / "new", "three", mode="shadow")), "--reason", "r")
    assert {id_: (row["from"], row["status"]) for id_, row in listed(tmp_path).items()} == {
        "three": ("pushed", "shadow")
    }
    (ready,) = (tmp_path / "var" / "bundles").glob("*.ready")
    ready.unlink()
    assert list(listed(tmp_path)) == ["three"]
    ready.with_suffix("").unlink()
    result = run(tmp_path, "rules", "list")
    assert result.exit_code == 1
    assert "push them again" in result.stderr


async def test_those_of_another_machine_are_listed_as_there(tmp_path):
    """All that is known of each; nothing is read here."""
    async with admin(tmp_path / "there") as api:
        api.desk.config = replace(api.desk.config, rules=Rules(dir=str(folder(tmp_path / "other", "three", "four"))))
        await elsewhere(api, "operator", "rules", "add", "--literal", "evil \u2603", "--reason", "r")
        await elsewhere(api, "operator", "rules", "disable", "four", "--reason", "r")
        told = await elsewhere(api, "viewer", "rules", "list", "--json")
        text = await elsewhere(api, "viewer", "rules", "list")
        here = rows(api.desk)
    assert json.loads(told.stdout) == here
    assert [row["id"] for row in here][:2] == ["three", "four"]
    assert text.stdout.splitlines()[2].endswith("evil \u2603")
