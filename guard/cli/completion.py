"""`guard completion`: completion of commands and options in a shell."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete as ClickBashComplete
from click.shell_completion import FishComplete, ShellComplete, ZshComplete

from guard.cli.options import json_option
from guard.cli.output import emit


class BashComplete(ClickBashComplete):
    """Click's script as it is: the version of the bash here says nothing about where the script will run."""

    @staticmethod
    def _check_version() -> None:
        return


SHELLS: dict[str, type[ShellComplete]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@click.command()
@click.argument("shell", type=click.Choice(list(SHELLS)))
@json_option
@click.pass_context
def completion(context: click.Context, shell: str, as_json: bool) -> None:
    """Print the script that completes guard's commands in SHELL.

    For bash: guard completion bash > ~/.local/share/bash-completion/completions/guard
    """
    script = SHELLS[shell](context.find_root().command, {}, "guard", "_GUARD_COMPLETE").source()
    if as_json:
        emit({"shell": shell, "script": script})
    else:
        click.echo(script)
