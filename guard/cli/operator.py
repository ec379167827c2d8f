"""`guard operator`: who may call the admin API, and as what."""

from __future__ import annotations

from pathlib import Path

import click

from guard.cli.errors import TroubleError
from guard.cli.measure import Order, order_options, state_of, take
from guard.cli.options import config_option, json_option
from guard.cli.output import emit
from guard.cli.remote import admin_option
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
    from guard.changes import AddOperator

    found = state_of(order.config).operators.get(name)
    if found is None or not isinstance(found.change, AddOperator):
        raise TroubleError(f"there is no operator {name}; `guard operator list` tells who is")
    return _give(order, name, found.change.role, f"{visible(name)} has another token")


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
    from guard.changes import AddOperator
    from guard.control.provenance import provenance

    rows = [
        {"name": name, "role": one.change.role, **provenance(one)}
        for name, one in sorted(state_of(config).operators.items())
        if isinstance(one.change, AddOperator)
    ]
    if as_json:
        emit(rows)
        return
    for row in rows:
        until = f", until {shown(row['expires'])}" if row["expires"] is not None else ""
        line = f"{row['name']}  {row['role']}  since {shown(row['at'])}{until} by {row['actor']}: {row['reason']}"
        click.echo(visible(line))


def _give(order: Order, name: str, role: str, what: str) -> int:
    from guard.admin.operators import digest, new_token

    token = new_token()
    change = {"type": "add-operator", "name": name, "role": role, "token": digest(token)}
    return take(order, change, what, secret={"token": token})
