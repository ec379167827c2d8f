"""`guard rules rollback`: the rules as they were before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from guard.cli.errors import tell
from guard.cli.measure import Order, order_options, take_all
from guard.cli.office import tried
from guard.cli.options import configuration
from guard.cli.output import emit
from guard.cli.remote import chosen, here
from guard.cli.visible import visible

if TYPE_CHECKING:
    from guard.control.rollback import Back


@click.command()
@click.option("--to", "version", type=click.IntRange(0), help="As of this version.  [default: before the last change]")
@order_options
def rollback(version: int | None, order: Order) -> int:
    """Have the rules as they were: those that were pushed, added and disabled then. All of it, or nothing.

    It is a new change; rolling it back undoes it.
    """
    if order.lasts is not None:
        raise click.UsageError("a rollback does not end by itself; another one undoes it")
    from guard.control.desk import Planned

    back = _back(version, order.config)
    if back.gone:
        tell(f"{', '.join(back.gone)}: there is no such rule any more, and nothing to be disabled")
    if order.dry_run:
        _tell(back, order)
        return 0
    changes = [Planned(step.change, expires=step.expires) for step in back.steps]
    if order.if_version is None:
        order = order._replace(if_version=back.version)
    return take_all(order, changes, "\n".join([*_lines(back), f"rolled back to version {back.to}"]))


def _back(version: int | None, config: Path | None) -> Back:
    from guard.control.desk import Desk
    from guard.control.rollback import Back, back

    remote = chosen()
    if remote is None:
        settings = configuration(config, keys=False)
        # Which version a store has come to only the control process knows.
        remote = here(Path(settings.state))
        if remote is None:
            found: Back = tried(back, Desk(settings), version)
            return found
    return remote.get("/v1/rollback", Back, **({} if version is None else {"to": version}))


def _tell(back: Back, order: Order) -> None:
    if order.as_json:
        emit({"to": back.to, "changes": [step.change for step in back.steps]})
        return
    for line in _lines(back):
        click.echo(line)


def _lines(back: Back) -> list[str]:
    return [visible(step.told) for step in back.steps]
