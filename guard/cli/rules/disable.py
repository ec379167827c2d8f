"""`guard rules disable`: take a rule out of force, wherever it comes from."""

from __future__ import annotations

import click

from guard.cli.errors import TroubleError
from guard.cli.measure import Order, order_options, state_of, take
from guard.cli.visible import visible


@click.command()
@click.argument("id")
@order_options
def disable(id: str, order: Order) -> int:
    """Take a rule out of force: it refuses nothing, and nothing is written down of it, until it is enabled."""
    if id in state_of(order.config).disabled:
        raise TroubleError(f"the rule {id} is disabled already")
    return take(order, {"type": "disable-rule", "id": id}, f"disabled {visible(id)}")
