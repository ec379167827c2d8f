"""`guard rules list`: all rules in force."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guard.cli.measure import state_of, told
from guard.cli.options import config_option, configuration, json_option
from guard.cli.output import emit
from guard.cli.rules.present import present
from guard.cli.times import shown
from guard.cli.visible import visible

if TYPE_CHECKING:
    from guard.custody.measures import State
    from guard.custody.present import Present
    from guard.measures import AddedRule


@click.command("list")
@config_option
@json_option
def list(config: Path | None, as_json: bool) -> None:
    """Print the rules in force, where each is from, and whether it is enforced, only watches, or is disabled."""
    from guard.custody.rulings import bundle_of

    settings = configuration(config, keys=False)
    state = state_of(config)
    source = "pushed" if bundle_of(state) is not None else "configured"
    rows = [_row(one, source, state) for one in present(settings, state)]
    rows += [_added(rule, state) for rule in state.measures().rules]
    if as_json:
        emit(rows)
        return
    for row in rows:
        click.echo(visible(_line(row)))


def _row(one: Present, source: str, state: State) -> dict[str, Any]:
    rule = one.rule
    return {
        "id": rule.id, "title": rule.title, "level": rule.level, "target": rule.target, "action": rule.action,
        "status": _status(rule.id, rule.mode, state), "from": source, "file": one.file, **_disabled(rule.id, state),
    }  # fmt: skip


def _added(rule: AddedRule, state: State) -> dict[str, Any]:
    status = _status(rule.id, "shadow" if rule.shadow else "enforce", state)
    more = {"action": "block", "status": status, "from": "added", **told(state.rules[rule.id])}
    return {**rule._asdict(), **more, **_disabled(rule.id, state)}


def _status(id_: str, mode: str, state: State) -> str:
    return "disabled" if id_ in state.disabled else mode


def _disabled(id_: str, state: State) -> dict[str, Any]:
    return {"disabled": told(state.disabled[id_])} if id_ in state.disabled else {}


def _line(row: dict[str, Any]) -> str:
    line = f"{row['id']}  {row['target']} {row['action']} {row['status']}"
    line += f"  {row['file']}  {row['title']}" if row["from"] != "added" else f"  added {_since(row)}"
    if row["from"] == "added":
        line += f"  {'regex ' if row['is_regex'] else ''}{row['text']}"
    return f"{line}  (disabled {_since(row['disabled'])})" if "disabled" in row else line


def _since(one: dict[str, Any]) -> str:
    until = f", until {shown(one['expires'])}" if one["expires"] is not None else ""
    return f"{shown(one['at'])}{until} by {one['actor']}: {one['reason']}"
