"""The group `guard log`."""

import click
import pytest

from guard.cli.log import COMMANDS, log


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there(name):
    """Each command can be imported and says what it is for."""
    command = log.get_command(click.Context(log), name)
    assert command is not None
    assert command.name == name
    assert command.get_short_help_str()
