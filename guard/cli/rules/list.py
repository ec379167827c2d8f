"""`guard rules list`: all rules in force."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from guard.cli.office import tried
from guard.cli.options import config_option, configuration, json_option
from guard.cli.output import emit
from guard.cli.remote import admin_option, chosen
from guard.cli.times import shown
from guard.cli.visible import visible


@click.command("list")
@admin_option
@config_option
@json_option
def list(config: Path | None, as_json: bool) -> None:
    """Print the rules in force, where each is from, and whether it is enforced, only watches, or is disabled."""
    rows = _rows(config)
    if as_json:
        emit(rows)
        return
    for row in rows:
        click.echo(visible(_line(row)))


def _rows(config: Path | None) -> Any:
    remote = chosen()
    if remote is not None:
        from guard.admin.shapes import RuleInForce

        return remote.rows("/v1/rulebook", RuleInForce)
    from guard.control.desk import Desk
    from guard.control.rulebook import rows

    return tried(rows, Desk(configuration(config, keys=False)))


def _line(row: dict[str, Any]) -> str:
    line = f"{row['id']}  {row['target']} {row['action']} {row['status']}"
    line += f"  {row['file']}  {row['title']}" if row["from"] != "added" else f"  added {_since(row)}"
    if row["from"] == "added":
        line += f"  {'regex ' if row['is_regex'] else ''}{row['text']}"
    return f"{line}  (disabled {_since(row['disabled'])})" if "disabled" in row else line


def _since(one: dict[str, Any]) -> str:
    until = f", until {shown(one['expires'])}" if one["expires"] is not None else ""
    return f"{shown(one['at'])}{until} by {one['actor']}: {one['reason']}"
