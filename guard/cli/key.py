"""`guard key`: API keys without writing them down."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from guard.cli.errors import TroubleError
from guard.cli.options import config_option, configuration, json_option
from guard.cli.output import emit


@click.group()
def key() -> None:
    """Work with clients' API keys."""


@key.command(name="hash")
@config_option
@json_option
def hash_(config: Path | None, as_json: bool) -> None:
    """Print the key_hash that stands for an API key in the configuration.

    The key is read from standard input, or asked for without being shown. Hashes are salted with what is in the state
    folder: one made for another installation does not fit.
    """
    from guard.policy.clients import key_hash, load_salt

    settings = configuration(config)
    if sys.stdin.isatty():
        secret = click.prompt("API key", hide_input=True, err=True)
    else:
        secret = sys.stdin.readline().rstrip("\r\n")
    if not secret or not secret.isascii() or not secret.isprintable() or secret != secret.strip():
        raise TroubleError("this cannot be an API key; expected printable ASCII without space around it, on one line")
    try:
        digest = key_hash(secret, load_salt(Path(settings.state)))
    except ValueError as error:
        raise TroubleError(str(error)) from None
    if as_json:
        emit({"key_hash": digest})
    else:
        click.echo(digest)
