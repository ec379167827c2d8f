"""Holds: what of the journal must not be deleted, because an incident needs it. A fold over the control log.

A change ``{"type": "hold", "log": …, "since": …, "until": …}`` holds the records of a log (null: of all) between two
times (seconds since the epoch; null: no bound) for its incident; ``{"type": "release"}`` ends all holds of its
incident.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

HOLD = "hold"
RELEASE = "release"


class Hold(NamedTuple):
    """One hold in force: for which incident, of what, and who asked for it when and why."""

    incident: str
    log: str | None
    since: float | None
    until: float | None
    at: float
    actor: str
    reason: str

    def covers(self, log: str, first: float | None, last: float | None) -> bool:
        """Whether it is about records of that log from between these times; times that are not known may be any."""
        if self.log is not None and self.log != log:
            return False
        too_early = self.since is not None and last is not None and last < self.since
        too_late = self.until is not None and first is not None and first > self.until
        return not (too_early or too_late)


def in_force(changes: Iterable[Mapping[str, Any]]) -> list[Hold]:
    """The holds that these changes, in their order, come to."""
    holds: list[Hold] = []
    for record in changes:
        change, incident = record.get("change"), str(record.get("incident"))
        if not isinstance(change, dict):
            continue
        kind = change.get("type")
        if kind == HOLD:
            holds.append(_hold(incident, record, change))
        elif kind == RELEASE:
            holds = [hold for hold in holds if hold.incident != incident]
    return holds


def _hold(incident: str, record: Mapping[str, Any], change: Mapping[str, Any]) -> Hold:
    """What cannot be read of a bound is taken as none: rather too much is held than too little."""
    log = change.get("log")
    return Hold(
        incident,
        log if isinstance(log, str) else None,
        _time(change.get("since")),
        _time(change.get("until")),
        _time(record.get("at")) or 0.0,
        str(record.get("actor")),
        str(record.get("reason")),
    )


def _time(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
