"""Trouble that is expected: said in one plain line on stderr."""

from __future__ import annotations

import click

from guard.cli.visible import visible


class TroubleError(click.ClickException):
    """Ends a command with exit code 1; the message says what is wrong and what to do next."""


def tell(sentence: str) -> None:
    """Say it on stderr: one line, or one for each of several errors."""
    for line in sentence.split("\n"):
        click.echo(f"guard: {visible(line)}", err=True)


def failed(error: OSError) -> str:
    """What the system refused, in words."""
    reason = (error.strerror or str(error) or type(error).__name__).lower()
    return f"{error.filename}: {reason}" if error.filename else reason
