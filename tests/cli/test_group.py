"""The command as a whole: its commands, its exit codes, its one line of trouble."""

import os
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from guard import __version__
from guard.cli import main
from guard.cli.group import COMMANDS
from tests.cli.running import configure, guard


def test_version():
    """`guard --version` prints the version."""
    result = guard("--version")
    assert (result.returncode, result.stdout) == (0, f"guard {__version__}\n")


def test_version_imports_little():
    """Nothing that serves, matches or draws is imported before a command is chosen, so that it is quick."""
    script = "import sys, guard.cli.group; print([m for m in sys.modules if m.split('.')[0] in sys.argv[1:]])"
    heavy = ["rich", "uvicorn", "starlette", "httpx", "hyperscan", "msgspec", "yaml", "orjson", "asyncio"]
    result = subprocess.run([sys.executable, "-c", script, *heavy], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there(name):
    """Each command can be imported and says what it is for."""
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.name == name
    assert command.get_short_help_str()


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["nope"], 2, "guard: No such command 'nope'; see `guard --help`\n"),
        (["check", "--nope"], 2, "guard: No such option '--nope'; see `guard check --help`\n"),
        (["log", "show"], 2, "guard: Missing argument 'ID'; see `guard log show --help`\n"),
        (["log", "tail", "-n", "x"], 2, "see `guard log tail --help`\n"),
        (["model", "--listen", "x"], 2, "see `guard model --help`\n"),
        (
            ["check", "--config", "/no\x1bwhere"],
            1,
            "guard: /no\\x1bwhere: cannot be read (no such file or directory); ",
        ),
        (["log", "tail", "--config", "/nowhere"], 1, "guard: /nowhere: cannot be read "),
        (["serve", "--config", "/nowhere"], 1, "guard: /nowhere: cannot be read "),
    ],
)
def test_trouble_is_one_line(arguments, code, told):
    """A wrong command line ends with 2, other trouble with 1; either is one plain line on stderr and nothing else."""
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert told in result.stderr
    assert result.stderr.count("\n") == 1


def test_nothing_is_help():
    """`guard` alone explains itself."""
    result = CliRunner().invoke(main, [])
    assert result.exit_code == 2
    assert all(f"  {name} " in result.output for name in COMMANDS)


def test_closed_pipe_is_no_trouble(tmp_path):
    """When whoever reads the output has seen enough, the command ends quietly."""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "guard.cli", "check", "--json", "--config", str(configure(tmp_path))]
    with open(write, "wb") as nobody:  # noqa: PTH123 -- it is a descriptor
        result = subprocess.run(command, stdout=nobody, stderr=subprocess.PIPE, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_refusal_of_the_system_is_one_line(tmp_path):
    """What the system refuses is told in one line, without a traceback."""
    result = guard("model", "--listen", "127.0.0.1:0", "--port-file", str(tmp_path / "no" / "port"))
    assert result.returncode == 1
    assert result.stderr == f"guard: {tmp_path}/no/port: no such file or directory\n"
