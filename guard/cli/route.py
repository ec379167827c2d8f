"""`guard route`: which version of a model answers, and whether anybody gets to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from guard.cli.errors import TroubleError
from guard.cli.measure import Order, order_options, state_of, take
from guard.cli.names import model_of
from guard.cli.options import config_option, configuration, json_option
from guard.cli.output import emit
from guard.cli.visible import visible


@click.group()
def route() -> None:
    """Send a model's traffic to another version, or keep everybody from it."""


@route.command()
@click.argument("model")
@click.option("--to", "version", help="The version that is to be asked first.  [default: the configured one]")
@order_options
def switch(model: str, version: str | None, order: Order) -> int:
    """Have MODEL answered by another version; requests that are under way end where they began."""
    settings = configuration(order.config, keys=False)
    versions = model_of(settings, model).versions
    if version is not None and version not in versions:
        raise TroubleError(f"{model} has no version {version!r}; it has {', '.join(versions)}")
    change = {"type": "switch", "model": model, "version": version}
    return take(order, change, f"{model} goes to {version or 'the configured version'}", settings)


@route.command()
@click.argument("model")
@order_options
def isolate(model: str, order: Order) -> int:
    """Keep everybody from MODEL: requests for it get 503 endpoint_isolated."""
    settings = configuration(order.config, keys=False)
    model_of(settings, model)
    return take(order, {"type": "isolate", "model": model}, f"{model} is isolated", settings)


@route.command()
@click.argument("model")
@order_options
def online(model: str, order: Order) -> int:
    """Let everybody get to MODEL again."""
    settings = configuration(order.config, keys=False)
    model_of(settings, model)
    return take(order, {"type": "online", "model": model}, f"{model} is online", settings)


@route.command("list")
@config_option
@json_option
def list_(config: Path | None, as_json: bool) -> None:
    """Print each model: the version that is asked first, those that may follow, and whether it is isolated."""
    state = state_of(config)
    rows: list[dict[str, Any]] = []
    for name, model in configuration(config, keys=False).models.items():
        switched = state.active.get(name)
        named = switched.change["version"] if switched is not None else None
        active = named if named in model.versions else model.active
        fallback = [version for version in model.fallback if version != active]
        rows.append({"model": name, "active": active, "fallback": fallback, "isolated": name in state.isolated})
    if as_json:
        emit(rows)
        return
    for row in rows:
        then = f", then {', '.join(row['fallback'])}" if row["fallback"] else ""
        click.echo(visible(f"{row['model']}  {row['active']}{then}{'  isolated' if row['isolated'] else ''}"))
