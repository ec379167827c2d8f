"""Records of the control log, as callers see them."""

from __future__ import annotations

from typing import Any

from guard import changes

_LOCAL = ("kind", "chain")


def shown(record: dict[str, Any]) -> dict[str, Any]:
    """A record without what only the log needs; of an operator's token not even the hash is told."""
    told = {name: value for name, value in record.items() if name not in _LOCAL}
    if isinstance(record["change"], dict):
        told["change"] = changes.shown(record["change"])
    return told
