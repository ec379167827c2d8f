"""`guard rules add`."""

import json

import pytest

from tests.cli.measuring import run, taken


def test_a_rule_is_added_listed_and_removed(tmp_path):
    """Under an id that is told; the same rule again has the same id."""
    result = run(tmp_path, "rules", "add", "--literal", "evil plan", "--reason", "attack", "--for", "2h")
    assert result.exit_code == 0
    id_ = result.stdout.split()[1]
    (record,) = taken(tmp_path)
    assert record["change"] == {
        "type": "add-rule", "id": id_, "target": "prompt", "literal": "evil plan", "shadow": False,
    }  # fmt: skip
    run(tmp_path, "rules", "add", "--literal", "evil plan", "--reason", "again")
    run(tmp_path, "rules", "add", "--regex", "zq[0-9]+", "--target", "output", "--shadow", "--reason", "watch")
    rows = json.loads(run(tmp_path, "rules", "list", "--json").stdout)
    first, second = [row for row in rows if row["from"] == "added"]
    assert (first["id"], first["text"], first["reason"], first["expires"]) == (id_, "evil plan", "again", None)
    assert (second["target"], second["is_regex"], second["shadow"]) == ("output", True, True)
    listed = run(tmp_path, "rules", "list").stdout
    assert f"{id_}  prompt block enforce  added" in listed
    assert "output block shadow  added" in listed
    assert "watch  regex zq[0-9]+" in listed
    assert run(tmp_path, "rules", "remove", id_, "--reason", "over").exit_code == 0
    assert id_ not in run(tmp_path, "rules", "list").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["add", "--regex", "((("], 1, "match.regex: '(((': a '(' that nothing closes"),
        (["add", "--regex", "(?=a)b", "--target", "output"], 1, "can neither look around nor refer back"),
        (["add", "--literal", ""], 1, "literal: expected `str` of length >= 1"),
        (["add", "--literal", " "], 1, "has no visible character"),
        (["add"], 2, "either --literal or --regex"),
        (["add", "--literal", "a", "--regex", "b"], 2, "either --literal or --regex"),
        (["add", "--literal", "a", "--for", "1h", "--expires", "2h"], 2, "either --for or --expires"),
    ],
)
def test_a_mistake_changes_nothing(tmp_path, arguments, code, told):
    """It is told before anything is written down."""
    result = run(tmp_path, "rules", *arguments, "--reason", "r")
    assert result.exit_code == code
    assert told in result.stderr
    assert taken(tmp_path) == []


def test_how_long_it_lasts_has_two_names(tmp_path):
    """``--expires 2h`` is ``--for 2h``."""
    run(tmp_path, "rules", "add", "--literal", "x", "--reason", "r", "--expires", "2h")
    (record,) = taken(tmp_path)
    assert 7_190 < record["expires"] - record["at"] <= 7_201
