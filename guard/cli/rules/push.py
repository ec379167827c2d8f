"""`guard rules push`: a folder of rules in force on every worker, all of it or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from guard.cli.errors import TroubleError, tell
from guard.cli.measure import Order, order_options, take
from guard.cli.office import tried
from guard.cli.options import configuration
from guard.cli.output import emit
from guard.cli.remote import Remote, chosen
from guard.cli.visible import visible

if TYPE_CHECKING:
    from guard.admin.shapes import Bundle

WARNINGS = 10


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@order_options
def push(directory: Path, order: Order) -> int:
    """Have the rules in DIR in force in the place of all others but those that were added by command.

    They are read, compiled and tried on the machine that they are for first; a mistake in any of them changes nothing,
    and every one is told.
    """
    if order.lasts is not None:
        raise click.UsageError("rules that are pushed do not end by themselves; `guard rules rollback` takes them back")
    from guard.ruleset.problem import BundleError

    remote = chosen()
    try:
        bundle = _there(remote, directory, order) if remote is not None else tried(_here, directory, order)
    except BundleError as error:
        raise TroubleError("\n".join(str(one) for one in error.errors)) from None
    _warn(bundle.warnings)
    if order.dry_run:
        _tell(bundle, order)
        return 0
    change = {"type": "push-rules", "bundle": bundle.bundle}
    return take(order, change, f"pushed {bundle.rules} rules, {bundle.bundle[:12]}")


def _there(remote: Remote, directory: Path, order: Order) -> Bundle:
    """Bring them to another machine, which checks them; nothing of it is kept on this one."""
    from guard.admin.shapes import Bundle
    from guard.ruleset.files import Directory
    from guard.ruleset.gathering import gathered

    return remote.send("/v1/bundles", gathered(Directory(directory)), Bundle, dry_run=order.dry_run)


def _here(directory: Path, order: Order) -> Bundle:
    """Check them, and put them where this machine's workers look."""
    from guard.admin.shapes import Bundle
    from guard.control.desk import Desk
    from guard.control.pushing import difference, prepared, publish
    from guard.custody.rulings import bundle_of
    from guard.ruleset.files import Directory

    settings = configuration(order.config, keys=False)
    found = prepared(Directory(directory), settings.rules)
    with Desk(settings).state() as state:
        before = bundle_of(state)
    told = found.bundle.hash, len(found.bundle.rules), list(found.bundle.warnings)
    if order.dry_run:
        return Bundle(*told, *difference(settings, before, found))
    publish(settings, before, found)
    return Bundle(*told)


def _warn(warnings: Sequence[str]) -> None:
    for warning in warnings[:WARNINGS]:
        tell(f"warning: {warning}")
    if len(warnings) > WARNINGS:
        tell(f"warning: and {len(warnings) - WARNINGS} more; `guard check` tells all of a configured folder")


def _tell(bundle: Bundle, order: Order) -> None:
    from msgspec import to_builtins

    told = to_builtins(bundle)
    if order.as_json:
        emit(told)
        return
    ids = {name: told[name] for name in ("added", "removed", "changed")}
    for sign, some in zip("+-~", ids.values(), strict=True):
        for id_ in some:
            click.echo(visible(f"{sign} {id_}"))
    counts = ", ".join(f"{len(some)} {what}" for what, some in ids.items())
    click.echo(f"{bundle.rules} rules, {bundle.bundle[:12]}: {counts}; nothing was changed")
