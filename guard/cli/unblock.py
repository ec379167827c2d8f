"""`guard unblock`: serve a caller again."""

from __future__ import annotations

import click

from guard.changes import CALLERS
from guard.cli.measure import Order, order_options, take
from guard.cli.names import canonical
from guard.cli.visible import visible


@click.command()
@click.argument("kind", type=click.Choice(CALLERS))
@click.argument("value")
@order_options
def unblock(kind: str, value: str, order: Order) -> int:
    """Take a block back. KIND and VALUE are as `guard block list` prints them."""
    name = canonical(kind, value)
    return take(order, {"type": "unblock", "kind": kind, "value": name}, f"unblocked {kind} {visible(name)}")
