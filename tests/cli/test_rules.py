"""`guard rules`."""

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
    first, second = json.loads(run(tmp_path, "rules", "list", "--json").stdout)
    assert (first["id"], first["text"], first["reason"], first["expires"]) == (id_, "evil plan", "again", None)
    assert (second["target"], second["is_regex"], second["shadow"]) == ("output", True, True)
    listed = run(tmp_path, "rules", "list").stdout
    assert f"{id_}  prompt block" in listed
    assert "output regex shadow" in listed
    assert run(tmp_path, "rules", "remove", id_, "--reason", "over").exit_code == 0
    assert id_ not in run(tmp_path, "rules", "list").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["add", "--regex", "((("], 1, "match.regex: '(((': a '(' that nothing closes"),
        (["add", "--regex", "(?=a)b", "--target", "output"], 1, "can neither look around nor refer back"),
        (["add", "--literal", ""], 1, "has no visible character"),
        (["add"], 2, "either --literal or --regex"),
        (["add", "--literal", "a", "--regex", "b"], 2, "either --literal or --regex"),
        (["remove", "added-0"], 1, "no rule added-0 was added by command"),
    ],
)
def test_a_mistake_changes_nothing(tmp_path, arguments, code, told):
    """It is told before anything is written down."""
    result = run(tmp_path, "rules", *arguments, "--reason", "r")
    assert result.exit_code == code
    assert told in result.stderr
    assert taken(tmp_path) == []
