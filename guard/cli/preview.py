"""What an order would change, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from guard.cli.times import shown, spelled
from guard.cli.visible import visible

_EFFECTS = {
    "adds": "would be new",
    "replaces": "would replace",
    "removes": "would take back",
    "nothing": "would change nothing",
}


def tell_preview(rows: list[dict[str, Any]], lasts: float | None) -> None:
    """Print a line for each change: it, how long it would last (seconds; None: no end), and what it would do."""
    for row in rows:
        now = row["now"]
        since = f" what {now['actor']} ordered {shown(now['at'])}: {now['reason']}" if now else ""
        click.echo(visible(f"{_words(row['change'])}{_time(row['change'], lasts)}: {_EFFECTS[row['effect']]}{since}"))


def _words(change: Mapping[str, Any]) -> str:
    found = {name: value for name, value in change.items() if value and name != "earlier"}
    if "per" in found:
        found = _of_limit(found)
    return " ".join(name if value is True else str(value) for name, value in found.items())


def _of_limit(change: Mapping[str, Any]) -> dict[str, Any]:
    """The words of a limit in the order in which the command takes them."""
    whom = ":".join(change[name] for name in ("per", "subject") if name in change)
    words = {"type": change["type"], "whom": whom}
    words |= {name: change[name] for name in ("what", "amount") if name in change}
    return words | ({"burst": f"burst {change['burst']}"} if "burst" in change else {})


def _time(change: Mapping[str, Any], lasts: float | None) -> str:
    if lasts is None:
        return ""
    earlier = change.get("earlier")
    return f" for {spelled(lasts)}" + (f" ({earlier} earlier within 30 days)" if earlier else "")
