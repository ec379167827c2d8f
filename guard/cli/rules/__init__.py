"""`guard rules`: which rules are in force. Each command is the object of its name in a module here."""

from __future__ import annotations

import click

from guard.cli.lazy import LazyGroup

COMMANDS = ("list", "push", "add", "remove", "disable", "enable", "rollback", "history")


@click.group("rules", cls=LazyGroup, package="guard.cli.rules", names=COMMANDS)
def rules() -> None:
    """Say which rules are in force: push a folder of them, block a text at once, take one out, go back."""
