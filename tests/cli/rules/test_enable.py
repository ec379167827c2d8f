"""`guard rules enable`; tests/cli/rules/test_disable.py does both."""

from tests.cli.measuring import run, taken


def test_what_is_not_disabled_is_refused(tmp_path):
    """And nothing is written down."""
    result = run(tmp_path, "rules", "enable", "nothing", "--reason", "r")
    assert (result.exit_code, taken(tmp_path)) == (1, [])
    assert "no rule nothing is disabled" in result.stderr
