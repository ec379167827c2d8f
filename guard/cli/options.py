"""The options that all commands share."""

from __future__ import annotations

from pathlib import Path

import click

from guard.cli.errors import TroubleError
from guard.cli.remote import URL, may_be_elsewhere
from guard.config import Config

PLACES = (Path("config/guard.yaml"), Path("guard.yaml"))

WAY_OUT = (
    f"a guard that runs still has the configuration it read last: give orders to it with --admin URL (or {URL}) and"
    " GUARD_TOKEN, or with --config and a copy in the same folder that is right"
)

config_option = click.option(
    "--config",
    envvar="GUARD_CONFIG",
    type=click.Path(path_type=Path),
    help="The configuration file.  [env: GUARD_CONFIG; default: config/guard.yaml, else guard.yaml]",
)


def filled(_: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """See that an option says something, if it is given."""
    if value is not None and not value.strip():
        raise click.BadParameter("it is empty", param=option)
    return value


reason_option = click.option("--reason", required=True, callback=filled, help="Why, for whoever reads the control log.")
actor_option = click.option("--actor", help="Who does this.  [default: the user, and who became it with sudo]")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def configuration_path(given: Path | None) -> Path:
    """The configuration file: the one given, else the first that is where one is looked for.

    Raises:
        TroubleError: none is given and none is there.
    """
    found = given or next((place for place in PLACES if place.is_file()), None)
    if found is None:
        raise TroubleError(
            "there is no config/guard.yaml or guard.yaml here; name a file with --config or GUARD_CONFIG"
        )
    return found


def configuration(given: Path | None, *, keys: bool = True) -> Config:
    """Read the configuration; without `keys`, those that the environment holds are left out of account.

    Raises:
        TroubleError: it has errors; all of them are in the message, a line each; and the way out, if there is one.
    """
    from guard.settings import SettingsError, load

    try:
        path = configuration_path(given)
        return load(path) if keys else load(path, None)
    except SettingsError as error:
        raise TroubleError(f"{error}\n{WAY_OUT}" if may_be_elsewhere() else f"{error}") from None
