"""`guard rules remove`: take back what `guard rules add` has added."""

from __future__ import annotations

import click

from guard.cli.measure import Order, order_options, take
from guard.cli.visible import visible


@click.command()
@click.argument("id")
@order_options
def remove(id: str, order: Order) -> int:
    """Take a rule back that was added by command."""
    return take(order, {"type": "remove-rule", "id": id}, f"removed {visible(id)}")
