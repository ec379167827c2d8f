"""The command `guard`: which commands there are, and what becomes of an error.

A command's module is imported when the command is used, so that `guard --version` and completion are quick.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import click

import guard
from guard.cli.errors import failed, tell
from guard.cli.lazy import LazyGroup

COMMANDS = (
    "serve",
    "check",
    "demo",
    "block",
    "unblock",
    "limit",
    "rules",
    "route",
    "operator",
    "status",
    "log",
    "key",
    "model",
    "completion",
)
"""Each is the object of this name in the module of this name."""

INTERRUPTED = 130


class Guard(LazyGroup):
    """Turns expected trouble into one plain line and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; whoever reads its output may have seen enough, which is no trouble (to click it is)."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, *_: Any, **extra: Any) -> Any:
        """Run, and end the process: 0 well, 1 with trouble, 2 with a wrong command line, 130 interrupted."""
        extra["standalone_mode"] = False
        try:
            result = super().main(args, prog_name or "guard", **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(error.exit_code)
        except click.UsageError as error:
            path = error.ctx.command_path if error.ctx else "guard"
            tell(f"{error.format_message().rstrip('.')}; see `{path} --help`")
            sys.exit(error.exit_code)
        except click.ClickException as error:
            tell(error.format_message())
            sys.exit(error.exit_code)
        except click.Abort:
            sys.exit(INTERRUPTED)
        except OSError as error:
            tell(failed(error))
            sys.exit(1)
        sys.exit(result if isinstance(result, int) else 0)


@click.group(
    "guard",
    cls=Guard,
    package="guard.cli",
    names=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(guard.__version__, prog_name="guard", message="%(prog)s %(version)s")
def main() -> None:
    """A gateway in front of AI model endpoints: it writes down everything that passes and can stop anything at once.

    Commands find the configuration by --config or GUARD_CONFIG; else it is config/guard.yaml, or guard.yaml.
    """
