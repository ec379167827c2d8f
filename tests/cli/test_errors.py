"""Trouble in words."""

import pytest

from guard.cli.errors import TroubleError, failed, tell


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FileNotFoundError(2, "No such file or directory", "/x"), "/x: no such file or directory"),
        (OSError(98, "Address already in use"), "address already in use"),
        (OSError("odd"), "odd"),
        (OSError(), "OSError".lower()),
    ],
)
def test_system_errors_in_words(error, words):
    """An error of the system says what it was about and why, as far as that is known."""
    assert failed(error) == words


def test_each_line_is_told_by_itself(capsys):
    """Several errors are a line each; control characters do not reach the terminal."""
    tell("one\ntwo\x1b[2J")
    assert capsys.readouterr().err == "guard: one\nguard: two\\x1b[2J\n"


def test_trouble_ends_with_one():
    """Trouble is exit code 1."""
    assert TroubleError("x").exit_code == 1
