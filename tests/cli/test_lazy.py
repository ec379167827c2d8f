"""Groups that import a command's module when the command is used."""

import click

from guard.cli.lazy import LazyGroup

GROUP = LazyGroup("log", package="guard.cli.log", names=("show", "tail"))
CONTEXT = click.Context(GROUP)


def test_commands_are_those_named_in_their_order():
    """The group lists the names it was given, and gives each as the object of that name in its module."""
    assert GROUP.list_commands(CONTEXT) == ["show", "tail"]
    command = GROUP.get_command(CONTEXT, "tail")
    assert command is not None
    assert command.name == "tail"


def test_what_is_not_named_is_no_command():
    """A module that is there but not named is no command of the group."""
    assert GROUP.get_command(CONTEXT, "folder") is None


def test_help_says_whole_sentences():
    """What a command is for is not broken off."""
    assert "..." not in GROUP.get_help(CONTEXT).partition("Commands:")[2]
