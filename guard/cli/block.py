"""`guard block`: stop a caller at once, on every worker, and cut what it has open."""

from __future__ import annotations

from pathlib import Path

import click

from guard.cli.errors import TroubleError
from guard.cli.measure import Order, order_options, state_of, take, told
from guard.cli.names import check_name
from guard.cli.options import config_option, json_option
from guard.cli.output import emit
from guard.cli.times import shown
from guard.cli.visible import visible


@click.group()
def block() -> None:
    """Stop a caller: what it asks is refused, what it has open is cut."""


def _blocker(kind: str, metavar: str, about: str) -> None:
    @block.command(kind, help=about)
    @click.argument("value", metavar=metavar)
    @order_options
    def command(value: str, order: Order) -> int:
        name = check_name(kind, value, order.config)
        return take(order, {"type": "block", "kind": kind, "value": name}, f"blocked {kind} {visible(name)}")


_blocker("ip", "ADDRESS", "Block an address, or a network such as 203.0.113.0/24.")
_blocker("account", "ACCOUNT", "Block an account, with all its clients.")
_blocker("client", "CLIENT", "Block a client, by its name in the configuration.")
_blocker("key", "FINGERPRINT", "Block an API key by the fingerprint that the journal shows of it (client.key).")


@block.command("list")
@config_option
@json_option
def list_(config: Path | None, as_json: bool) -> None:
    """Print the blocks that were set by command and are in force; those of the configuration are in its file."""
    blocks = state_of(config).blocks
    if as_json:
        emit([{"kind": kind, "value": value, **told(one)} for (kind, value), one in blocks.items()])
        return
    for (kind, value), one in blocks.items():
        until = f", until {shown(one.expires)}" if one.expires is not None else ""
        incident = f", {one.incident}" if one.incident is not None else ""
        click.echo(visible(f"{kind} {value}  since {shown(one.at)}{until} by {one.actor}{incident}: {one.reason}"))


def unknown(kind: str, value: str) -> TroubleError:
    """There is no such block."""
    return TroubleError(f"{kind} {value} is not blocked by command; `guard block list` tells what is")
