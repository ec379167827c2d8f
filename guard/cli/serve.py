"""`guard serve`: run the guard."""

from __future__ import annotations

from pathlib import Path

import click
from msgspec.structs import replace

from guard.cli.errors import TroubleError
from guard.cli.options import config_option, configuration, json_option
from guard.cli.output import emit


@click.command()
@config_option
@click.option("--workers", type=click.IntRange(1), help="How many workers, instead of data.workers.")
@json_option
def serve(config: Path | None, workers: int | None, as_json: bool) -> int:
    """Run the guard until it is told to stop (SIGTERM or Ctrl-C)."""
    settings = configuration(config)
    if workers is not None:
        settings = replace(settings, data=replace(settings.data, workers=workers))
    from guard import app
    from guard.ruleset.bundle import BundleError

    def ready(url: str) -> None:
        if as_json:
            emit({"listening": url})
        else:
            click.echo(f"guard listens at {url}")

    try:
        return app.serve(settings, ready=ready)
    except app.StartError as error:
        raise TroubleError(str(error)) from None
    except BundleError as error:
        raise TroubleError("\n".join(map(str, error.errors))) from None
