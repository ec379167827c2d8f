"""`guard block import` and `export`: whole lists of whom to block, as others write them."""

from __future__ import annotations

import sys
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from guard.changes import Block
from guard.cli.errors import TroubleError, tell
from guard.cli.measure import Order, order_options, state_of, take_list
from guard.cli.options import config_option, configuration, json_option
from guard.cli.output import emit
from guard.cli.remote import admin_option, chosen
from guard.cli.visible import visible

if TYPE_CHECKING:
    from guard.blocklists.entry import Entry, LeftOut, Listed
    from guard.control.callers import Known
    from guard.control.desk import Planned
    from guard.custody.measures import State

FEW = 10
"""How many of the things that are left out, or wrong, are told one by one."""

MANY = 100

FORMATS = ("crowdsec", "stix", "plain", "guard")

format_option = click.option("--format", type=click.Choice(FORMATS), required=True, help="The format of the list.")


class Plan(NamedTuple):
    """What an import comes to: whom it blocks, how many are blocked already, and what is left out."""

    entries: list[Entry]
    known: int
    left_out: list[LeftOut]


@click.command("import")
@click.argument("file", type=click.Path(allow_dash=True))
@format_option
@click.option("--simulate", is_flag=True, help="Refuse nothing; only write down what would have been refused.")
@click.option(
    "--min-confidence", type=click.IntRange(0, 100), help="Leave out STIX indicators with a lower confidence."
)
@click.option("--force", is_flag=True, help="Also block wide networks, this machine, a trusted proxy.")
@order_options
def import_(file: str, format: str, simulate: bool, min_confidence: int | None, force: bool, order: Order) -> int:
    """Block everybody in a list: one of CrowdSec, a STIX bundle, a plain list, or the guard's own."""
    known = _known(order.config)
    dry_run = order.dry_run
    now = time()
    listed = _read(file, format, now)
    expires = now + order.lasts if order.lasts is not None else None
    plan = _plan(listed, known, state_of(order.config), simulate, min_confidence, expires)
    if not force:
        _check(plan.entries, known)
    _tell(plan.left_out, "left out")
    told: dict[str, Any] = {
        "read": len(listed.entries), "blocked": len(plan.entries), "known": plan.known, "over": listed.over,
        "unsupported": len(plan.left_out), "dry_run": dry_run,
    }  # fmt: skip
    words = (
        f"{'simulated: ' if simulate else ''}{'would block' if dry_run else 'blocked'} {told['blocked']} of "
        f"{told['read']} in {visible(file)} ({told['known']} blocked already, {told['over']} over, "
        f"{told['unsupported']} left out)"
    )
    told["left_out"] = [one._asdict() for one in plan.left_out[:MANY]]
    if plan.entries and not dry_run:
        return take_list(order, [_planned(one, order) for one in plan.entries], words, told)
    if order.as_json:
        emit(told)
    else:
        click.echo(words)
    return 0


@click.command("export")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@format_option
@admin_option
@config_option
@json_option
def export(file: Path | None, format: str, config: Path | None, as_json: bool) -> None:
    """Write the blocks that were set by command and are in force as a list."""
    from guard.blocklists.formats import write

    if as_json and file is None:
        raise click.UsageError("--json tells of an export to a FILE; without one the list itself is printed")
    entries = _entries(state_of(config))
    data, left_out = write(entries, format, time())
    _tell(left_out, "left out")
    if file is None:
        sys.stdout.buffer.write(data) if hasattr(sys.stdout, "buffer") else click.echo(data, nl=False)
        return
    file.write_bytes(data)
    count = len(entries) - len(left_out)
    if as_json:
        emit({"format": format, "file": str(file), "exported": count, "left_out": len(left_out)})
    else:
        click.echo(f"exported {count} to {visible(str(file))} ({len(left_out)} left out)")


def _known(config: Path | None) -> Known:
    """Whom there can be on the machine that the list is for."""
    from guard.control.callers import Known, known

    remote = chosen()
    return known(configuration(config, keys=False)) if remote is None else remote.get("/v1/callers", Known)


def _read(file: str, format: str, now: float) -> Listed:
    from guard.blocklists.entry import MOST_BYTES, MOST_PROBLEMS, ListError
    from guard.blocklists.formats import read

    with click.open_file(file, "rb") as source:
        data = source.read(MOST_BYTES + 1)
    try:
        return read(data, format, now)
    except ListError as error:
        _tell([(one.place, f"{one.wrong}; expected {one.expected}") for one in error.problems], "")
        count = len(error.problems)
        words = f"{count} mistake{'s' * (count > 1)}" if count < MOST_PROBLEMS else f"{count} mistakes or more"
        raise TroubleError(f"{file} has {words}, and nothing of it was taken") from None


def _plan(
    listed: Listed, known: Known, state: State, simulate: bool, min_confidence: int | None, expires: float | None
) -> Plan:
    from guard.blocklists.entry import LeftOut

    left_out = list(listed.left_out)
    wanted: list[Entry] = []
    blocked = 0
    for entry in listed.entries:
        entry = entry._replace(
            simulated=entry.simulated or simulate,
            expires=entry.expires if entry.expires is not None else expires,
        )
        if (why := _why_not(entry, known, min_confidence)) is not None:
            left_out.append(LeftOut(f"{entry.kind} {entry.value}", why))
        elif _is_known(entry, state):
            blocked += 1
        else:
            wanted.append(entry)
    return Plan(wanted, blocked, left_out)


def _why_not(entry: Entry, known: Known, min_confidence: int | None) -> str | None:
    """Why nobody is to be, or could be, blocked by an entry here."""
    kind, value = entry.kind, entry.value
    if min_confidence is not None and entry.confidence is not None and entry.confidence < min_confidence:
        return f"its confidence is {entry.confidence}"
    if kind == "client" and value not in known.clients:
        return "there is no such client in the configuration"
    if kind == "account" and value not in known.accounts:
        return "there is no such account in the configuration"
    if kind == "session" and not known.sessions:
        return "no header names sessions here (identify.session_header)"
    return None


def _is_known(entry: Entry, state: State) -> bool:
    """Whether the caller is blocked already, as strictly and for as long."""
    there = state.blocks.get(entry.key)
    if there is None or not isinstance(there.change, Block) or (there.change.simulated and not entry.simulated):
        return False
    return there.expires is None or (entry.expires is not None and there.expires >= entry.expires)


def _check(entries: list[Entry], known: Known) -> None:
    """Refuse a list that would be an outage.

    Raises:
        TroubleError: it would.
    """
    from guard.blocklists.own_goals import own_goals

    found = own_goals(entries, known.proxies)
    if found:
        _tell(found, "refused")
        raise TroubleError("nothing was taken; take these out of the list, or block them too with --force")


def _planned(entry: Entry, order: Order) -> Planned:
    from guard.control.desk import Planned
    from guard.wire.networks import too_wide

    change: dict[str, Any] = {"type": "block", "kind": entry.kind, "value": entry.value, "offence": False}
    if entry.simulated:
        change["simulated"] = True
    if entry.kind == "ip" and too_wide(entry.value):
        change["wide"] = True  # it would not have come so far without --force
    reason = f"{order.reason}: {entry.reason}" if entry.reason and entry.reason != order.reason else None
    return Planned(change, reason, order.incident or entry.incident, entry.expires)


def _entries(state: State) -> list[Entry]:
    from guard.blocklists.entry import Entry

    found = []
    for (kind, value), one in state.blocks.items():
        assert isinstance(one.change, Block)
        found.append(Entry(kind, value, one.change.simulated, one.expires, one.reason, one.incident, at=one.at))
    return found


def _tell(rows: list[LeftOut] | list[tuple[str, str]], word: str) -> None:
    """Say some of them one by one, and how many there are beside."""
    for place, why in rows[:FEW]:
        tell(f"{word}: {place}: {why}" if word else f"{place}: {why}")
    if len(rows) > FEW:
        tell(f"… and {len(rows) - FEW} more")
