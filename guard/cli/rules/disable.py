"""`guard rules disable`: take a rule out of force, wherever it comes from."""

from __future__ import annotations

import click

from guard.cli.errors import TroubleError
from guard.cli.measure import Order, order_options, state_of, take
from guard.cli.options import configuration
from guard.cli.rules.present import present
from guard.cli.visible import visible


@click.command()
@click.argument("id")
@order_options
def disable(id: str, order: Order) -> int:
    """Take a rule out of force: it refuses nothing, and nothing is written down of it, until it is enabled."""
    settings = configuration(order.config, keys=False)
    state = state_of(order.config)
    if id in state.disabled:
        raise TroubleError(f"the rule {id} is disabled already")
    if id not in state.rules and all(one.rule.id != id for one in present(settings, state)):
        raise TroubleError(f"there is no rule {id} in force; `guard rules list` tells which there are")
    return take(order, {"type": "disable-rule", "id": id}, f"disabled {visible(id)}", settings)
