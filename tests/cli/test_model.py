"""`guard model`; tests/model has what it answers."""

import socket

import pytest
from click.testing import CliRunner

from guard.cli import main


@pytest.mark.parametrize(
    "arguments",
    [["--listen", "127.0.0.1"], ["--fail", "200"], ["--fail", "x"], ["--delay", "-1"], ["--die-after", "-1"]],
)
def test_wrong_option_is_refused(arguments):
    """An option that makes no sense is a wrong command line."""
    result = CliRunner().invoke(main, ["model", *arguments])
    assert result.exit_code == 2
    assert arguments[0] in result.stderr


def test_address_in_use_is_one_line():
    """An address that is taken is trouble, in one line."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = CliRunner().invoke(main, ["model", "--listen", f"127.0.0.1:{taken.getsockname()[1]}"])
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "address already in use" in result.stderr.lower()
