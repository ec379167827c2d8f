"""Groups of commands whose modules are imported when a command is used, so that the others do not wait for them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

LONG = 300
"""The most characters of a command's first sentence."""


class LazyGroup(click.Group):
    """A group whose commands are the objects of their names in the modules of their names in a package."""

    def __init__(self, *arguments: Any, package: str, names: tuple[str, ...], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.package = package
        self.names = names

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """The commands in the order in which one needs them."""
        return list(self.names)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """What each is for, in its whole first sentence; click would break it off where the line ends."""
        found = [(name, self.get_command(ctx, name)) for name in self.names]
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.get_short_help_str(LONG)) for name, one in found if one is not None])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command with this name, or None."""
        if cmd_name not in self.names:
            return None
        command: click.Command = getattr(import_module(f"{self.package}.{cmd_name}"), cmd_name)
        return command
