"""`guard serve`: run the guard."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click
from msgspec.structs import replace

from guard.cli.errors import TroubleError
from guard.cli.options import config_option, configuration, configuration_path, json_option
from guard.cli.output import emit
from guard.config import Config


@click.command()
@config_option
@click.option("--workers", type=click.IntRange(1), help="How many workers, instead of data.workers.")
@json_option
def serve(config: Path | None, workers: int | None, as_json: bool) -> int:
    """Run the guard until it is told to stop (SIGTERM or Ctrl-C).

    SIGHUP has it read the configuration, rules and certificates again, without a restart.
    """
    settings = _with_workers(configuration(config), workers)
    reread = partial(_reread, configuration_path(config).absolute(), workers)
    from guard import app
    from guard.ruleset.bundle import BundleError

    def ready(url: str) -> None:
        if as_json:
            emit({"listening": url})
        else:
            click.echo(f"guard listens at {url}")

    try:
        return app.serve(settings, ready=ready, reread=reread)
    except app.StartError as error:
        raise TroubleError(str(error)) from None
    except BundleError as error:
        raise TroubleError("\n".join(map(str, error.errors))) from None


def _reread(path: Path, workers: int | None) -> Config:
    from guard.settings import load

    return _with_workers(load(path), workers)


def _with_workers(settings: Config, workers: int | None) -> Config:
    return settings if workers is None else replace(settings, data=replace(settings.data, workers=workers))
