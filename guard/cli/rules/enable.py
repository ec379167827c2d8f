"""`guard rules enable`: have a rule in force again that was disabled."""

from __future__ import annotations

import click

from guard.cli.errors import TroubleError
from guard.cli.measure import Order, order_options, state_of, take
from guard.cli.visible import visible


@click.command()
@click.argument("id")
@order_options
def enable(id: str, order: Order) -> int:
    """Have a rule in force again that was disabled."""
    if id not in state_of(order.config).disabled:
        raise TroubleError(f"no rule {id} is disabled; `guard rules list` tells which are")
    return take(order, {"type": "enable-rule", "id": id}, f"enabled {visible(id)}")
