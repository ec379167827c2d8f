"""`guard limit`: how much a caller, a route, a model or everybody may use, at once and beside the configuration."""

from __future__ import annotations

import re
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from guard.changes import SetLimit, written
from guard.cli.errors import TroubleError
from guard.cli.measure import Order, order_options, state_of, take
from guard.cli.names import canonical
from guard.cli.office import tried
from guard.cli.options import config_option, configuration, json_option
from guard.cli.output import emit
from guard.cli.remote import admin_option, chosen
from guard.cli.times import shown
from guard.cli.visible import visible

if TYPE_CHECKING:
    from guard.control.usage import Configured, Use
    from guard.custody.measures import Measure

KINDS = ("requests", "tokens", "cost", "concurrency")
MOST_BURST = 10**12 - 1
NO_LIMITS = "no limits"
PERS = ("client", "account", "address", "route", "model", "global")


class Whom(NamedTuple):
    """Whom a limit is for: all of a kind, or one of them."""

    per: str
    subject: str | None

    def __str__(self) -> str:
        return self.per if self.subject is None else f"{self.per}:{self.subject}"


@click.group()
def limit() -> None:
    """Say how much may be used: requests, tokens, cost, or so many at once."""


@limit.command("set")
@click.argument("whom")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("amount")
@click.argument("more", nargs=-1, metavar="[burst N]")
@order_options
def set_(whom: str, kind: str, amount: str, more: tuple[str, ...], order: Order) -> int:
    """Limit WHOM to AMOUNT, e.g. account:acme requests 100/min burst 20.

    WHOM is client:NAME, account:NAME, address:IP, route:PATH, model:NAME or global; without a name each of its kind.
    What the configuration says holds too: the tightest limit wins.
    """
    named = read_whom(whom)
    change: dict[str, Any] = {
        "type": "set-limit",
        "per": named.per,
        "subject": named.subject,
        "what": kind,
        "amount": amount,
    }
    burst = _burst(more, kind)
    if burst is not None:
        change["burst"] = burst
    also = f" burst {burst}" if burst is not None else ""
    return take(order, change, f"{visible(str(named))} is limited to {kind} {amount}{also}")


@limit.command()
@click.argument("whom")
@click.argument("kind", type=click.Choice(KINDS), required=False)
@order_options
def remove(whom: str, kind: str | None, order: Order) -> int:
    """Take limits back that were set by command: all of WHOM's, or those of one kind."""
    named = read_whom(whom)
    change = {"type": "remove-limit", "per": named.per, "subject": named.subject, "what": kind}
    return take(order, change, f"{visible(str(named))} has no {f'{kind} ' if kind else ''}limit by command any more")


@limit.command("list")
@admin_option
@config_option
@json_option
def list_(config: Path | None, as_json: bool) -> None:
    """Print the limits in force: of the configuration, then those set by command, with who, why and until when."""
    rows = _rows(config)
    if as_json:
        emit(rows)
        return
    if not rows:
        click.echo(NO_LIMITS)
    for row in rows:
        burst = f" burst {row['burst']}" if row["burst"] is not None else ""
        line = f"{Whom(row['per'], row['subject'])} {row['what']} {row['amount']}{burst}"
        if row["by"] == "command":
            until = f", until {shown(row['expires'])}" if row["expires"] is not None else ""
            line += f"  since {shown(row['at'])}{until} by {row['actor']}: {row['reason']}"
        else:
            line += "  of the configuration"
        click.echo(visible(line))


@limit.command()
@click.argument("whom")
@admin_option
@config_option
@json_option
def show(whom: str, config: Path | None, as_json: bool) -> None:
    """Print how much WHOM uses now of each of its limits, as the machine's workers count it."""
    from msgspec import to_builtins

    named = read_whom(whom)
    if named.subject is None and named.per != "global":
        raise TroubleError(f"{whom}: expected one of its kind, e.g. {named.per}:NAME")
    uses = _uses(named, config)
    if as_json:
        emit(to_builtins(uses))
        return
    if not uses:
        click.echo(NO_LIMITS)
    for one in uses:
        click.echo(visible(f"{named} {one.what} {one.amount}: {one.used:g} used, {one.left:g} left"))


def read_whom(text: str) -> Whom:
    """Read ``account:acme``, or ``account`` for each of them.

    Raises:
        TroubleError: it is nobody.
    """
    from guard.custody.control import told

    if told(text) != text:
        raise TroubleError(f"{text!r} is no UTF-8")
    per, colon, subject = text.partition(":")
    if per not in PERS or (colon and not subject) or (per == "global" and colon):
        kinds = ", ".join(f"{per}[:NAME]" for per in PERS[:-1])
        raise TroubleError(f"{text!r} is nobody whom a limit can be for; expected {kinds} or global")
    if per == "address" and colon:
        subject = canonical("ip", subject)
        if "/" in subject:
            raise TroubleError(f"{text!r} is a network; a limit is for one address (IPv6: its /64), or for each")
    return Whom(per, subject if colon else None)


def _burst(more: tuple[str, ...], kind: str) -> int | None:
    if not more:
        return None
    if len(more) != 2 or more[0] != "burst":
        raise click.UsageError("behind the amount there may only stand: burst N")
    if re.fullmatch("[1-9][0-9]{0,11}", more[1]) is None:
        raise click.UsageError(f"burst {more[1]!r}: N must be a whole number from 1 to {MOST_BURST:,}")
    if kind == "concurrency":
        raise click.UsageError("a burst belongs to a rate")
    return int(more[1])


def _rows(config: Path | None) -> list[dict[str, Any]]:
    """Those of the configuration, then those that were ordered."""
    from msgspec import to_builtins

    from guard.control.provenance import NAMES

    configured, ordered = _limits(config)
    rows = [{**to_builtins(one), "by": "configuration"} for one in configured]
    for one in ordered:
        words = {name: one[name] for name in ("per", "subject", "what", "amount", "burst")}
        rows.append({**words, "by": "command", **{name: one[name] for name in NAMES}})
    return rows


def _limits(config: Path | None) -> tuple[list[Configured], list[dict[str, Any]]]:
    from guard.control import usage

    remote = chosen()
    if remote is not None:
        from guard.admin.shapes import LimitShown, Page

        configured = remote.get("/v1/limits/configured", Page[usage.Configured]).items
        return configured, sorted(remote.rows("/v1/limits", LimitShown), key=itemgetter("version"))
    return usage.configured(configuration(config, keys=False)), list(map(_ordered, state_of(config).limits.values()))


def _ordered(one: Measure) -> dict[str, Any]:
    from guard.control.provenance import provenance

    change = one.change
    assert isinstance(change, SetLimit)
    return {**written(change), **provenance(one)}


def _uses(whom: Whom, config: Path | None) -> list[Use]:
    from guard.control import usage

    remote = chosen()
    if remote is not None:
        from guard.admin.shapes import Uses

        subject = {} if whom.subject is None else {"subject": whom.subject}
        return remote.get("/v1/usage", Uses, per=whom.per, **subject).items
    found: list[Use] = tried(
        usage.uses, configuration(config, keys=False), state_of(config).limits.values(), whom.per, whom.subject
    )
    return found
