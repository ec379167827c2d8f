"""`guard operator`: who may call the admin API, and as what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from guard.cli.errors import TroubleError
from guard.cli.measure import Order, order_options, state_of, take
from guard.cli.options import config_option, json_option
from guard.cli.output import emit
from guard.cli.remote import admin_option, chosen
from guard.cli.times import shown
from guard.cli.visible import visible

ROLES = ("viewer", "analyst", "operator", "commander")


@click.group()
def operator() -> None:
    """Let people and programs call the admin API, each with a token and a role."""


@operator.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True, help="What they may; each may all that those before.")
@order_options
def add(name: str, role: str, order: Order) -> int:
    """Let NAME call the admin API; the token is printed, this once. Who is there gets another role and token."""
    return _give(order, name, role, f"{visible(name)} is {role}")


@operator.command()
@click.argument("name")
@order_options
def rotate(name: str, order: Order) -> int:
    """Give NAME another token, with the same role; the one before does not count any more."""
    role = next((row["role"] for row in _rows(order.config) if row["name"] == name), None)
    if role is None:
        raise TroubleError(f"there is no operator {name}; `guard operator list` tells who is")
    return _give(order, name, role, f"{visible(name)} has another token")


@operator.command()
@click.argument("name")
@order_options
def remove(name: str, order: Order) -> int:
    """Let NAME call no more; what they have open is ended."""
    return take(order, {"type": "remove-operator", "name": name}, f"{visible(name)} may call no more")


@operator.command("list")
@admin_option
@config_option
@json_option
def list_(config: Path | None, as_json: bool) -> None:
    """Print who may call, and as what."""
    rows = _rows(config)
    if as_json:
        emit(rows)
        return
    for row in rows:
        until = f", until {shown(row['expires'])}" if row["expires"] is not None else ""
        line = f"{row['name']}  {row['role']}  since {shown(row['at'])}{until} by {row['actor']}: {row['reason']}"
        click.echo(visible(line))


def _rows(config: Path | None) -> list[dict[str, Any]]:
    """Who may call: as the named machine tells a commander, else as this one's control log does."""
    from guard.changes import AddOperator
    from guard.control.provenance import provenance

    remote = chosen()
    if remote is not None:
        from guard.admin.shapes import OperatorShown

        found = remote.rows("/v1/operators", OperatorShown)
        return [{"name": row["name"], "role": row["role"], **row} for row in found]
    return [
        {"name": name, "role": one.change.role, **provenance(one)}
        for name, one in sorted(state_of(config).operators.items())
        if isinstance(one.change, AddOperator)
    ]


def _give(order: Order, name: str, role: str, what: str) -> int:
    from guard.admin.operators import digest, new_token

    token = new_token()
    change = {"type": "add-operator", "name": name, "role": role, "token": digest(token)}
    return take(order, change, what, secret={"token": token})
