"""`guard log release`."""

import json

from guard.custody.control import changes
from guard.custody.holds import in_force
from tests.cli.log.test_hold import run


def test_a_release_ends_the_holds_of_its_incident(tmp_path):
    """All holds of the incident end, and others stay."""
    for incident in ("A", "B", "A"):
        run(tmp_path, "hold", "--incident", incident, "--reason", "r")
    result = run(tmp_path, "release", "--incident", "A", "--reason", "closed")
    assert result.stdout == "released: 2 holds of A\n"
    assert [hold.incident for hold in in_force(changes(tmp_path / "var" / "journal"))] == ["B"]
    result = run(tmp_path, "release", "--incident", "B", "--reason", "closed", "--json")
    assert json.loads(result.stdout)["change"] == {"type": "release"}


def test_nothing_to_release_is_trouble(tmp_path):
    """An incident for which nothing is held is told."""
    result = run(tmp_path, "release", "--incident", "A", "--reason", "closed")
    assert result.exit_code == 1
    assert "nothing is held for A" in result.stderr
