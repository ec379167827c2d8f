"""Taking measures: into the control log, and the wait until the workers have them in force."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from time import monotonic, sleep, time
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from guard.cli.errors import TroubleError, tell
from guard.cli.options import actor_option, config_option, configuration, json_option
from guard.cli.output import emit
from guard.cli.times import DURATION, shown
from guard.config import Config

if TYPE_CHECKING:
    from guard.custody.measures import Measure, State
    from guard.custody.workers import Running

PATIENCE_SECONDS = 5.0
PUSH_SECONDS = 60.0
"""Patience with rules that were pushed, which may have to be compiled."""
STEP_SECONDS = 0.005
BATCH = 1_000
"""How many measures of a list are written at once."""
MEASURES_A_SECOND = 1_000
"""How many a worker takes, at the least, beside its requests."""

Command = TypeVar("Command", bound=Callable[..., Any])


class Order(NamedTuple):
    """Who orders a measure, why, for what incident, and for how many seconds (None: until it is taken back)."""

    config: Path | None
    actor: str | None
    reason: str
    incident: str | None
    lasts: float | None
    as_json: bool


class Planned(NamedTuple):
    """One measure of a list, and what is said of it by itself."""

    change: dict[str, Any]
    reason: str
    incident: str | None
    expires: float | None


def order_options(command: Command) -> Command:
    """The options that every measure has; they are one `order` to the command."""

    def wrapped(
        *arguments: Any, config: Path | None, actor: str | None, reason: str, incident: str | None,
        lasts: float | None, as_json: bool, **more: Any,
    ) -> Any:  # fmt: skip
        order = Order(config, actor, reason, incident, lasts, as_json)
        return command(*arguments, order=order, **more)

    wrapped.__name__, wrapped.__doc__ = command.__name__, command.__doc__
    for option in reversed(
        (
            click.option("--reason", required=True, help="Why, for whoever reads the control log."),
            click.option("--for", "lasts", type=DURATION, help="How long: 15m, 2h, 7d.  [default: until taken back]"),
            click.option("--incident", metavar="ID", help="The incident that it is for."),
            actor_option,
            config_option,
            json_option,
        )
    ):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[return-value]


def take(order: Order, change: dict[str, Any], what: str, settings: Config | None = None) -> int:
    """Write a measure down, wait until every worker that runs has it in force, and say so.

    `what` is it in words. Returns the exit code: 1 if some worker did not take it in time.

    Raises:
        TroubleError: it cannot be written down; the message says why.
    """
    expires = time() + order.lasts if order.lasts is not None else None
    settings = settings or configuration(order.config, keys=False)
    return _place(order, [(change, expires)], what, settings, None, lambda records: records[0])


def take_all(
    order: Order,
    changes: Sequence[dict[str, Any] | tuple[dict[str, Any], float | None]],
    what: str,
    settings: Config | None = None,
    *,
    if_version: int | None = None,
) -> int:
    """The same with several at once, all of them or none: each a change, or one with when it is over by itself.

    `if_version`: only if the control log has come no further meanwhile.
    """
    expires = time() + order.lasts if order.lasts is not None else None
    settings = settings or configuration(order.config, keys=False)
    timed = [one if isinstance(one, tuple) else (one, expires) for one in changes]
    return _place(order, timed, what, settings, if_version, lambda records: {"records": records})


def _place(
    order: Order,
    changes: list[tuple[dict[str, Any], float | None]],
    what: str,
    settings: Config,
    if_version: int | None,
    told: Callable[[list[dict[str, Any]]], dict[str, Any]],
) -> int:
    from guard.changes import VersionError
    from guard.custody import control
    from guard.proof.node import node_name

    state = Path(settings.state)
    journal = state / settings.journal.dir
    began, at = monotonic(), time()
    # All at one time, so that whoever reads the log sees them as one order.
    records = [
        control.change_record(
            change, reason=order.reason, actor=order.actor, incident=order.incident, expires=expires
        ) | {"at": at}
        for change, expires in changes
    ]  # fmt: skip
    try:
        written = control.append_all(journal, records, node=node_name(state), if_version=if_version)
    except VersionError as error:
        raise TroubleError(f"{error}; nothing has changed, look again and repeat it") from None
    except (control.ControlError, ValueError) as error:
        raise TroubleError(str(error)) from None
    kinds = {change["type"] for change, _ in changes}
    late, workers = _await(state, journal, written[-1]["seq"] + 1, kinds)
    expires = changes[0][1] if len(changes) == 1 else None
    until = f" until {shown(expires)}" if expires is not None else ""
    return _tell(order, f"{what}{until}", told(written), late, workers, monotonic() - began)


def take_list(order: Order, measures: Sequence[Planned], what: str, told: dict[str, Any]) -> int:
    """Write a long list of measures down, wait until every worker that runs has all of them in force, and say so.

    They are written in batches, with room for others' orders between them: where that fails, the measures of those
    before stand. `told` says for programs what `what` says in words. Returns the exit code, as `take` does.

    Raises:
        TroubleError: they cannot be written down; the message says why, and how many are.
    """
    from guard.custody import control
    from guard.proof.node import node_name

    settings = configuration(order.config, keys=False)
    state = Path(settings.state)
    journal = state / settings.journal.dir
    began = monotonic()
    actor = order.actor or control.whoever()
    version = 0
    for start in range(0, len(measures), BATCH):
        if start:
            # Whoever waits for the log, which may be an operator with a block, is let in.
            sleep(2 * control.STEP_SECONDS)
        records = [
            control.change_record(
                one.change, reason=one.reason, actor=actor, incident=one.incident, expires=one.expires
            )
            for one in measures[start : start + BATCH]
        ]  # fmt: skip
        try:
            version = control.append_all(journal, records, node=node_name(state))[-1]["seq"] + 1
        except (control.ControlError, ValueError) as error:
            raise TroubleError(f"{start} of {len(measures)} were taken, and then: {error}") from None
    kinds = {one.change["type"] for one in measures}
    late, workers = _await(state, journal, version, kinds, PATIENCE_SECONDS + len(measures) / MEASURES_A_SECOND)
    return _tell(order, what, told, late, workers, monotonic() - began)


def _tell(
    order: Order, what: str, told: dict[str, Any], late: list[Running], workers: list[Running], seconds: float
) -> int:
    if order.as_json:
        answer = {"workers": len(workers), "late": [one.log for one in late], "seconds": round(seconds, 4)}
        emit({**told, **answer})
    else:
        click.echo(f"{what}: {_told(late, workers, seconds)}")
    for one in late:
        tell(f"{one.log}: not in force there: {one.fault or 'see the log of the guard, and `guard log verify`'}")
    return int(bool(late))


def state_of(config: Path | None) -> State:
    """The measures in force.

    Raises:
        TroubleError: the control log cannot be relied on.
    """
    from guard.custody.control import ControlError
    from guard.custody.snapshot import FILE, restore
    from guard.custody.tail import Tail

    settings = configuration(config, keys=False)
    tail = Tail(Path(settings.state) / settings.journal.dir)
    state = restore(Path(settings.state) / FILE, tail)
    try:
        state.take(tail.news())
    except ControlError as error:
        raise TroubleError(f"{error}; `guard log verify` tells more") from None
    state.drop_expired(time())
    return state


def told(one: Measure) -> dict[str, Any]:
    """What the control log says of a measure."""
    rest = ("version", "at", "actor", "reason", "incident", "expires")
    return {name: getattr(one, name) for name in rest}


def _await(
    state: Path, journal: Path, version: int, kinds: AbstractSet[str], patience: float = PATIENCE_SECONDS
) -> tuple[list[Running], list[Running]]:
    """Those workers that are late with that version of the measures when patience is over, and all of them.

    With rules among the kinds of change, also those that could not take them.
    """
    from guard.custody.rulings import KINDS
    from guard.custody.workers import late, running

    pushed = "push-rules" in kinds
    until = monotonic() + (PUSH_SECONDS if pushed else patience)
    while True:
        workers = running(state, journal)
        behind = late(workers, version, pushed=pushed)
        if not behind or monotonic() > until:
            faulty = [one for one in workers if one.fault and one not in behind] if kinds & KINDS else []
            return behind + faulty, workers
        sleep(STEP_SECONDS)


def _told(late: list[Running], workers: list[Running], seconds: float) -> str:
    if not workers:
        return "no guard runs here now; it is in force when one is started"
    in_force = len(workers) - len(late)
    of = f" of {len(workers)}" if late else ""
    return f"in force on {in_force}{of} worker{'s' if in_force != 1 else ''} after {seconds * 1000:.0f} ms"
