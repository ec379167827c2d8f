"""`guard block`: stop a caller at once, on every worker, and cut what it has open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any

import click

from guard.changes import Block
from guard.cli.blocklist import export, import_
from guard.cli.measure import Order, order_options, state_of, take
from guard.cli.names import canonical
from guard.cli.options import config_option, json_option
from guard.cli.output import emit
from guard.cli.remote import admin_option, chosen
from guard.cli.times import shown, spelled
from guard.cli.visible import visible

if TYPE_CHECKING:
    from guard.custody.measures import Measure


@click.group()
def block() -> None:
    """Stop a caller: what it asks is refused, what it has open is cut."""


def _blocker(kind: str, metavar: str, about: str, *more: Callable[[Any], Any]) -> None:
    """Make the command for a kind of caller; `more` are options that only it has."""

    @click.argument("value", metavar=metavar)
    @click.option("--simulate", is_flag=True, help="Refuse nothing; only write down what would have been refused.")
    @click.option("--escalate", is_flag=True, help="Twice as long for each block of the same within the last 30 days.")
    @order_options
    def command(value: str, simulate: bool, escalate: bool, order: Order, wide: bool = False) -> int:
        name = canonical(kind, value)
        change: dict[str, Any] = {"type": "block", "kind": kind, "value": name}
        what = f"blocked {kind} {visible(name)}"
        if simulate:
            change["simulated"] = True
            what = f"simulated: {what}"
        if wide:
            change["wide"] = True
        if escalate:
            order, change["earlier"] = _escalated(order, kind, name)
            what += f" for {spelled(order.lasts or 0)} ({change['earlier']} earlier within 30 days)"
        return take(order, change, what)

    for option in more:
        command = option(command)
    block.command(kind, help=about)(command)


def _escalated(order: Order, kind: str, name: str) -> tuple[Order, int]:
    """The order with the time that it comes to, and how many earlier blocks count.

    Raises:
        UsageError: there is no time that could be longer.
    """
    if order.lasts is None:
        raise click.UsageError("--escalate makes the time of --for longer; say how long the first block lasts")
    from guard.custody.offences import escalated

    earlier = _earlier(order, kind, name)
    return order._replace(lasts=escalated(order.lasts, earlier)), earlier


def _earlier(order: Order, kind: str, name: str) -> int:
    """How many blocks that came before count, also those that are over."""
    remote = chosen()
    if remote is None:
        return state_of(order.config).offences.earlier(kind, name, time())
    from guard.admin.shapes import Offences

    return remote.get("/v1/offences", Offences, kind=kind, value=name).earlier


_blocker(
    "ip", "ADDRESS", "Block an address, or a network such as 203.0.113.0/24.",
    click.option("--wide", is_flag=True, help="The network is meant though it is wider than /8 (IPv6: /16)."),
)  # fmt: skip
_blocker("account", "ACCOUNT", "Block an account, with all its clients.")
_blocker("client", "CLIENT", "Block a client, by its name in the configuration.")
_blocker("key", "FINGERPRINT", "Block an API key by the fingerprint that the journal shows of it (client.key).")
_blocker("session", "SESSION", "Block a session, as the journal shows it (client.session).")
_blocker("agent", "PATTERN", "Block user agents that fit a pattern such as 'curl/*': * is anything, ? one character.")


@block.command("list")
@admin_option
@config_option
@json_option
def list_(config: Path | None, as_json: bool) -> None:
    """Print the blocks that were set by command and are in force; those of the configuration are in its file."""
    from guard.control.provenance import provenance

    blocks = state_of(config).blocks
    if as_json:
        rows = [{"kind": kind, "value": value, "simulated": is_simulated(one)} for (kind, value), one in blocks.items()]
        emit([{**row, **provenance(one)} for row, one in zip(rows, blocks.values(), strict=True)])
        return
    for (kind, value), one in blocks.items():
        until = f", until {shown(one.expires)}" if one.expires is not None else ""
        incident = f", {one.incident}" if one.incident is not None else ""
        simulated = "  simulated" if is_simulated(one) else ""
        click.echo(
            visible(f"{kind} {value}{simulated}  since {shown(one.at)}{until} by {one.actor}{incident}: {one.reason}")
        )


block.add_command(import_)
block.add_command(export)


def is_simulated(one: Measure) -> bool:
    """Whether a block only notes whom it would have stopped."""
    assert isinstance(one.change, Block)
    return one.change.simulated
