"""`guard rules history`: who changed the rules, when and why."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from guard.cli.errors import TroubleError
from guard.cli.options import config_option, configuration, json_option
from guard.cli.output import emit
from guard.cli.times import shown
from guard.cli.visible import visible

WORDS = {
    "add-rule": "added", "remove-rule": "removed", "disable-rule": "disabled", "enable-rule": "enabled",
}  # fmt: skip


@click.command()
@config_option
@json_option
def history(config: Path | None, as_json: bool) -> None:
    """Print every change of the rules, the oldest first: its version, when, what, by whom, and why."""
    from guard.custody import control
    from guard.custody.rulings import rulings, version_of

    settings = configuration(config, keys=False)
    rows = []
    try:
        for record in rulings(control.changes(Path(settings.state) / settings.journal.dir)):
            rest = {name: record.get(name) for name in ("at", "actor", "reason", "incident", "expires", "change")}
            rows.append({"version": version_of(record), **rest})
    except control.ControlError as error:
        raise TroubleError(f"{error}; `guard log verify` tells more") from None
    if as_json:
        emit(rows)
        return
    for row in rows:
        click.echo(visible(_line(row)))


def _line(row: Mapping[str, Any]) -> str:
    incident = f", {row['incident']}" if row["incident"] is not None else ""
    until = f" until {shown(row['expires'])}" if row["expires"] is not None else ""
    what = f"{row['version']}  {shown(row['at'])}  {_what(row['change'])}{until}"
    return f"{what}  {row['actor']}{incident}: {row['reason']}"


def _what(change: Mapping[str, Any]) -> str:
    kind = change["type"]
    if kind == "push-rules":
        bundle = change.get("bundle")
        return f"pushed {bundle[:12]}" if bundle else "back to the configured rules"
    return f"{WORDS[kind]} {change.get('id')}"
