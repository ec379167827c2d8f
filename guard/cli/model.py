"""`guard model`: the bundled model endpoint."""

from __future__ import annotations

from pathlib import Path

import click

from guard.cli.options import json_option
from guard.cli.output import emit


@click.command()
@click.option("--listen", default="127.0.0.1:9001", show_default=True, help="host:port; port 0 takes a free one.")
@click.option("--name", default="v2", show_default=True, help="The version's name; answers tell it.")
@click.option("--fail", type=click.IntRange(400, 599), metavar="STATUS", help="Answer everything with this error.")
@click.option("--hang", is_flag=True, help="Accept requests and never answer.")
@click.option("--delay", type=click.FloatRange(0), default=0.0, metavar="SECONDS", help="Wait before each answer.")
@click.option("--die-after", type=click.IntRange(0), metavar="N", help="Answer N requests, and die on the next.")
@click.option("--port-file", type=click.Path(dir_okay=False, path_type=Path), help="Write the port into this file.")
@json_option
def model(
    listen: str,
    name: str,
    fail: int | None,
    hang: bool,
    delay: float,
    die_after: int | None,
    port_file: Path | None,
    as_json: bool,  # noqa: ARG001  what it prints is JSON either way
) -> None:
    """Run a small OpenAI- and Anthropic-compatible endpoint, to try the guard without a model.

    The prompt "say: X" is answered with X. POST /control with {"fail": 503, "hang": true, "delay": 1.5} changes how it
    behaves; the headers x-model-fail, x-model-hang and x-model-delay do so for one request. Once it listens it prints
    one line, {"listening": "host:port"}.
    """
    from guard.model.app import Model, Mood
    from guard.model.server import serve
    from guard.wire.address import parse_listen

    try:
        address = parse_listen(listen)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--listen") from None
    version = Model(name, Mood(fail=fail, hang=hang, delay=delay), die_after)
    serve(version, address, lambda place: emit({"listening": place}), port_file)
