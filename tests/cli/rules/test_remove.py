"""`guard rules remove`; tests/cli/rules/test_add.py takes back what it has added."""

from tests.cli.measuring import run, taken


def test_what_was_not_added_is_refused(tmp_path):
    """And nothing is written down."""
    result = run(tmp_path, "rules", "remove", "added-0", "--reason", "r")
    assert (result.exit_code, taken(tmp_path)) == (1, [])
    assert "no rule added-0 was added by command" in result.stderr
