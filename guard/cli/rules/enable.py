"""`guard rules enable`: have a rule in force again that was disabled."""

from __future__ import annotations

import click

from guard.cli.measure import Order, order_options, take
from guard.cli.visible import visible


@click.command()
@click.argument("id")
@order_options
def enable(id: str, order: Order) -> int:
    """Have a rule in force again that was disabled."""
    return take(order, {"type": "enable-rule", "id": id}, f"enabled {visible(id)}")
