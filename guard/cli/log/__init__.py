"""`guard log`: what the journal says, and what proves it. Each command is the object of its name in a module here."""

from __future__ import annotations

import click

from guard.cli.lazy import LazyGroup

COMMANDS = (
    "tail",
    "show",
    "verify",
    "checkpoint",
    "key",
    "search",
    "stats",
    "export",
    "sql",
    "hold",
    "release",
    "holds",
)


@click.group("log", cls=LazyGroup, package="guard.cli.log", names=COMMANDS)
def log() -> None:
    """Read the journal: every prompt and output that passed."""
