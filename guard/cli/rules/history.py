"""`guard rules history`: who changed the rules, when and why."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from guard.cli.office import tried
from guard.cli.options import config_option, configuration, json_option
from guard.cli.output import emit
from guard.cli.remote import admin_option, chosen
from guard.cli.times import shown
from guard.cli.visible import visible

WORDS = {
    "add-rule": "added", "remove-rule": "removed", "disable-rule": "disabled", "enable-rule": "enabled",
}  # fmt: skip


@click.command()
@admin_option
@config_option
@json_option
def history(config: Path | None, as_json: bool) -> None:
    """Print every change of the rules, the oldest first: its version, when, what, by whom, and why."""
    from guard.custody.rulings import once, version_of

    names = ("at", "actor", "reason", "incident", "expires", "change")
    rows = [{"version": version_of(one), **{name: one.get(name) for name in names}} for one in once(_records(config))]
    if as_json:
        emit(rows)
        return
    for row in rows:
        click.echo(visible(_line(row)))


def _records(config: Path | None) -> list[dict[str, Any]]:
    """The changes of rules: of the machine that is named, else in this one's control log."""
    from guard.custody.control import changes
    from guard.custody.rulings import KINDS, rulings

    remote = chosen()
    if remote is not None:
        from guard.admin.shapes import Record

        return remote.rows("/v1/changes", Record, order="oldest", type=sorted(KINDS))
    settings = configuration(config, keys=False)
    found: list[dict[str, Any]] = tried(lambda: list(rulings(changes(Path(settings.state) / settings.journal.dir))))
    return found


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
