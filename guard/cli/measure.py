"""Taking measures: an order is given, waited for until the workers have it in force, and told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from guard.cli.errors import TroubleError, tell
from guard.cli.office import Office, office
from guard.cli.office import state_of as state_of
from guard.cli.options import actor_option, config_option, filled, json_option, reason_option
from guard.cli.output import emit
from guard.cli.preview import tell_preview
from guard.cli.remote import admin_option
from guard.cli.times import DURATION, shown

if TYPE_CHECKING:
    from guard.control.desk import Planned

PATIENCE_SECONDS = 5.0
BATCH = 1_000
"""How many changes of a list are one order."""
CHANGES_A_SECOND = 1_000
"""How many a worker takes, at the least, beside its requests."""

Command = TypeVar("Command", bound=Callable[..., Any])


class Order(NamedTuple):
    """Who orders a measure, why, for what incident, and for how many seconds (None: until it is taken back).

    `dry_run`: it is only told what would change. With `if_version` it is taken only if that is the version now.
    """

    config: Path | None
    actor: str | None
    reason: str
    incident: str | None
    lasts: float | None
    as_json: bool
    dry_run: bool = False
    if_version: int | None = None


def order_options(command: Command) -> Command:
    """The options that every measure has; they are one `order` to the command."""

    def wrapped(
        *arguments: Any, config: Path | None, actor: str | None, reason: str, incident: str | None,
        lasts: float | None, as_json: bool, dry_run: bool, if_version: int | None, **more: Any,
    ) -> Any:  # fmt: skip
        order = Order(config, actor, reason, incident, lasts, as_json, dry_run, if_version)
        return command(*arguments, order=order, **more)

    wrapped.__name__, wrapped.__doc__ = command.__name__, command.__doc__
    for option in reversed(
        (
            reason_option,
            click.option("--for", "lasts", type=DURATION, help="How long: 15m, 2h, 7d.  [default: until taken back]"),
            click.option("--incident", metavar="ID", callback=filled, help="The incident that it is for."),
            actor_option,
            click.option("--dry-run", is_flag=True, help="Only tell what would change."),
            click.option("--if-version", type=click.IntRange(0), help="Only if this is the control log's version now."),
            admin_option,
            config_option,
            json_option,
        )
    ):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[return-value]


def take(order: Order, change: Mapping[str, Any], what: str, *, secret: Mapping[str, str] | None = None) -> int:
    """Give an order of one change, wait until every worker that runs has it in force, and say so.

    `what` is it in words; `secret` is told besides when it was taken, and is nowhere else. Returns the exit code: 1 if
    some worker did not take it in time.

    Raises:
        TroubleError: it cannot be taken; the message says why.
    """
    from guard.control.desk import Planned

    return _give(order, [Planned(change)], what, lambda records: {**records[0], **(secret or {})}, secret)


def take_all(order: Order, changes: Sequence[Planned], what: str) -> int:
    """Likewise with several changes, all of which come into force together, or none.

    Raises:
        TroubleError: it cannot be taken; the message says why.
    """
    return _give(order, changes, what, lambda records: {"records": records})


def _give(
    order: Order,
    changes: Sequence[Planned],
    what: str,
    told: Callable[[list[dict[str, Any]]], Mapping[str, Any]],
    secret: Mapping[str, str] | None = None,
) -> int:
    from guard.control.desk import Order as Given

    expires = time() + order.lasts if order.lasts is not None else None
    given = Given(changes, order.reason, order.actor, order.incident, expires, order.if_version)
    found = office(order.config)
    if order.dry_run:
        return _preview(found, given, order)
    answer = found.place(given)
    until = f" until {shown(expires)}" if expires is not None else ""
    return _tell(order, f"{what}{until}", told(answer["changes"]), answer, found.via, secret)


def take_list(order: Order, changes: Sequence[Planned], what: str, told: Mapping[str, Any]) -> int:
    """Give orders for a long list of changes, wait until every worker that runs has all in force, and say so.

    They are several orders, with room for others' between them: where one fails, those before stand. `told` says for
    programs what `what` says in words. Returns the exit code, as `take` does.

    Raises:
        TroubleError: they cannot be taken; the message says why, and how many are.
    """
    from guard.control.desk import Order as Given

    found = office(order.config)
    answer: dict[str, Any] = {}
    for start in range(0, len(changes), BATCH):
        batch = changes[start : start + BATCH]
        version = order.if_version if not start else None
        given = Given(batch, order.reason, order.actor, order.incident, None, version)
        last = start + BATCH >= len(changes)
        patience = PATIENCE_SECONDS + len(changes) / CHANGES_A_SECOND if last else 0.0
        try:
            answer = found.place(given, patience, brief=True)
        except TroubleError as error:
            raise TroubleError(f"{start} of {len(changes)} were taken, and then: {error.message}") from None
    return _tell(order, what, told, answer, found.via)


def _tell(
    order: Order,
    what: str,
    told: Mapping[str, Any],
    answer: Mapping[str, Any],
    via: str,
    secret: Mapping[str, str] | None = None,
) -> int:
    late = answer["late"]
    if order.as_json:
        more = {name: answer[name] for name in ("version", "workers", "seconds")}
        emit({**told, **more, "late": [one["log"] for one in late], "via": via})
    else:
        click.echo(f"{what}: {_told(len(late), answer['workers'], answer['seconds'])}")
        for name, value in (secret or {}).items():
            click.echo(f"{name}: {value}")
    if answer.get("trouble"):
        tell(f"other machines do not have it yet, and get it when the store is back: {answer['trouble']}")
    for one in late:
        tell(f"{one['log']}: not in force there: {one['fault'] or 'see the log of the guard, and `guard log verify`'}")
    return int(bool(late))


def _preview(found: Office, given: Any, order: Order) -> int:
    rows = found.preview(given)
    if order.as_json:
        emit({"preview": rows, "via": found.via})
    else:
        tell_preview(rows, order.lasts)
    return 0


def _told(late: int, workers: int, seconds: float) -> str:
    if not workers:
        return "no guard runs here now; it is in force when one is started"
    in_force = workers - late
    of = f" of {workers}" if late else ""
    return f"in force on {in_force}{of} worker{'s' if in_force != 1 else ''} after {seconds * 1000:.0f} ms"
