"""Printing results: as JSON, or for people with rich."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console


def emit(value: Any) -> None:
    """Print a value as one line of JSON, exactly."""
    import orjson

    click.echo(orjson.dumps(value))


def console() -> Console:
    """A console that prints what it is given: no markup, no emoji names, no wrapping, nothing coloured by guessing."""
    from rich.console import Console

    return Console(markup=False, emoji=False, highlight=False, soft_wrap=True)
