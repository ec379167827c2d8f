"""Orders that are given again, with a mark by which they are known: each is placed once, for a day at the least.

What tells them is the ids of their changes, which are in the store, or while that does not take them in this machine's
log; so it is known also to a process that did not take them itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex
from time import time
from typing import Any, NamedTuple

from guard.control.history import before
from guard.store.changes import Changes
from guard.store.errors import StoreError

DAY_SECONDS = 86_400.0
LOOKED_AT = 5_000
"""Changes of the log that are looked at, and those of the order itself: what is put aside is among the newest."""


class Found(NamedTuple):
    """The records of an order that was given before, and its version: the store's, or where it is `here` the log's."""

    records: list[dict[str, Any]]
    version: int
    here: bool


def ids_of(mark: str | None, count: int, ago: float = 0.0) -> list[str]:
    """Those of the changes of an order that is given now, or was so many seconds ago; without a mark new ones."""
    first = token_hex(8) if mark is None else f"{mark}.{int((time() - ago) // DAY_SECONDS)}"
    return [first, *(f"{first}-{number}" for number in range(1, count))]


def find(mark: str, count: int, changes: Changes, journal: Path, *, look: bool) -> Found | None:
    """The order of so many changes with that mark, if it was placed today or yesterday; `look`: also in the log.

    Raises:
        ControlError: the log is damaged; OSError: it cannot be read.
    """
    every = [ids_of(mark, count, ago) for ago in (0.0, DAY_SECONDS)]
    for ids in every:
        if (found := _in_store(ids, changes)) is not None:
            return found
    records = {record.get("id"): record for record in before(journal, None, LOOKED_AT + count)} if look else {}
    return next((_in_log(ids, records) for ids in every if set(ids) <= records.keys()), None)


def _in_store(ids: list[str], changes: Changes) -> Found | None:
    try:
        if not changes.known(ids[:1]).versions:
            return None
        versions = changes.known(ids).versions
        if len(versions) < len(ids):
            return None
        last = max(versions.values())
        records = {one.id: one.record for one in changes.between(min(versions.values()), last) if one.record}
    except StoreError:
        return None
    return Found([record for id_ in ids if (record := records.get(id_))], last, here=False)


def _in_log(ids: list[str], records: Mapping[Any, dict[str, Any]]) -> Found:
    found = [records[id_] for id_ in ids]
    return Found(found, max(record["seq"] for record in found) + 1, here=True)
