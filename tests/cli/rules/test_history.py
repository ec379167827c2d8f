"""`guard rules history`."""

import json

from tests.cli.measuring import run
from tests.cli.rules.pushing import folder


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
