"""The commands of `guard`, one file a group."""

from guard.cli.group import main

__all__ = ["main"]
