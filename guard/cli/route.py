"""`guard route`: which version of a model answers, and whether anybody gets to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from guard.cli.errors import tell
from guard.cli.measure import Order, order_options, state_of, take
from guard.cli.options import config_option, configuration, json_option
from guard.cli.output import emit
from guard.cli.remote import admin_option, chosen
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
    change = {"type": "switch", "model": model, "version": version}
    return take(order, change, f"{model} goes to {version or 'the configured version'}")


@route.command()
@click.argument("model")
@order_options
def isolate(model: str, order: Order) -> int:
    """Keep everybody from MODEL: requests for it get 503 endpoint_isolated."""
    return take(order, {"type": "isolate", "model": model}, f"{model} is isolated")


@route.command()
@click.argument("model", required=False)
@order_options
def offline(model: str | None, order: Order) -> int:
    """Take MODEL, or without one the whole service, offline: as `isolate`, and what is under way is cut."""
    return take(order, {"type": "offline", "model": model}, f"{model or 'all'} is offline")


@route.command()
@click.argument("model", required=False)
@order_options
def online(model: str | None, order: Order) -> int:
    """Let everybody get to MODEL again, or without one to all models."""
    closed = model is not None and None in state_of(order.config).offline
    code = take(order, {"type": "online", "model": model}, f"{model or 'all'} is online")
    if closed:
        tell(f"{model} still answers nobody, for all is offline; `guard route online` without a model ends that")
    return code


@route.command("list")
@admin_option
@config_option
@json_option
def list_(config: Path | None, as_json: bool) -> None:
    """Print each model: the version that is asked first, those that may follow, and whether anybody gets to it."""
    rows = _rows(config)
    if as_json:
        emit(rows)
        return
    for row in rows:
        then = f", then {', '.join(row['fallback'])}" if row["fallback"] else ""
        closed = "  offline" if row["offline"] else "  isolated" if row["isolated"] else ""
        click.echo(visible(f"{row['model']}  {row['active']}{then}{closed}"))


def _rows(config: Path | None) -> list[dict[str, Any]]:
    remote = chosen()
    if remote is not None:
        from msgspec import to_builtins

        from guard.admin.shapes import Page, RouteShown

        found: list[dict[str, Any]] = to_builtins(remote.get("/v1/routes", Page[RouteShown]).items)
        return found
    from guard.control.models import shown

    return shown(configuration(config, keys=False), state_of(config).measures())
