"""`guard rules remove`: take back what `guard rules add` has added."""

from __future__ import annotations

import click

from guard.cli.errors import TroubleError
from guard.cli.measure import Order, order_options, state_of, take
from guard.cli.visible import visible


@click.command()
@click.argument("id")
@order_options
def remove(id: str, order: Order) -> int:
    """Take a rule back that was added by command."""
    if id not in state_of(order.config).rules:
        raise TroubleError(
            f"no rule {id} was added by command; `guard rules list` tells which were, and `guard rules disable` takes"
            " any rule out of force"
        )
    return take(order, {"type": "remove-rule", "id": id}, f"removed {visible(id)}")
