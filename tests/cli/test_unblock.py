"""`guard unblock`."""

from tests.cli.measuring import run, taken


def test_a_block_is_taken_back(tmp_path):
    """By the name it is listed with, however it is spelled."""
    run(tmp_path, "block", "ip", "203.0.113.0/24", "--reason", "r")
    result = run(tmp_path, "unblock", "ip", "203.0.113.7/24", "--reason", "a mistake")
    assert result.exit_code == 0
    assert result.stdout.startswith("unblocked ip 203.0.113.0/24: ")
    assert run(tmp_path, "block", "list").stdout == ""
    assert taken(tmp_path)[1]["change"] == {"type": "unblock", "kind": "ip", "value": "203.0.113.0/24"}


def test_who_is_not_blocked_cannot_be_unblocked(tmp_path):
    """A mistake in the name is told, and where to look."""
    result = run(tmp_path, "unblock", "client", "app", "--reason", "r")
    assert result.exit_code == 1
    assert "client app is not blocked by command; `guard block list` tells what is" in result.stderr
    assert taken(tmp_path) == []
