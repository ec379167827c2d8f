"""`guard completion`."""

import json

import pytest
from click.testing import CliRunner

from guard.cli import main
from tests.cli.running import guard


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script_is_for_the_shell(shell):
    """The script completes `guard` in that shell."""
    result = CliRunner().invoke(main, ["completion", shell])
    assert result.exit_code == 0
    assert f"_GUARD_COMPLETE={shell}_complete" in result.stdout
    document = json.loads(CliRunner().invoke(main, ["completion", shell, "--json"]).stdout)
    assert document == {"shell": shell, "script": result.stdout.removesuffix("\n")}


def test_commands_are_completed():
    """What the script asks for is answered with the commands and options that fit."""
    environ = {"_GUARD_COMPLETE": "bash_complete", "COMP_WORDS": "guard log t", "COMP_CWORD": "2", "PATH": ""}
    result = guard(env=environ)
    assert result.stdout == "plain,tail\n"


def test_unknown_shell_is_refused():
    """Any other shell is a wrong command line."""
    assert CliRunner().invoke(main, ["completion", "csh"]).exit_code == 2
