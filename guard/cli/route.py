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
from guard.config import Config


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
@click.argument("model", required=False)
@order_options
def offline(model: str | None, order: Order) -> int:
    """Take MODEL, or without one the whole service, offline: as `isolate`, and what is under way is cut."""
    settings = configuration(order.config, keys=False)
    return take(order, {"type": "offline", "model": _named(settings, model)}, f"{model or 'all'} is offline", settings)


@route.command()
@click.argument("model", required=False)
@order_options
def online(model: str | None, order: Order) -> int:
    """Let everybody get to MODEL again, or without one to all models."""
    settings = configuration(order.config, keys=False)
    return take(order, {"type": "online", "model": _named(settings, model)}, f"{model or 'all'} is online", settings)


def _named(settings: Config, model: str | None) -> str | None:
    if model is not None:
        model_of(settings, model)
    return model


@route.command("list")
@config_option
@json_option
def list_(config: Path | None, as_json: bool) -> None:
    """Print each model: the version that is asked first, those that may follow, and whether anybody gets to it."""
    measures = state_of(config).measures()
    rows: list[dict[str, Any]] = []
    for name, model in configuration(config, keys=False).models.items():
        named = measures.active_version(name)
        active = named if named in model.versions else model.active
        fallback = [version for version in model.fallback if version != active]
        access = measures.access(name)
        gone = {"isolated": access != "online", "offline": access == "offline"}
        rows.append({"model": name, "active": active, "fallback": fallback, **gone})
    if as_json:
        emit(rows)
        return
    for row in rows:
        then = f", then {', '.join(row['fallback'])}" if row["fallback"] else ""
        closed = "  offline" if row["offline"] else "  isolated" if row["isolated"] else ""
        click.echo(visible(f"{row['model']}  {row['active']}{then}{closed}"))
