"""Limits as they are told: those that the configuration sets, and how much of each somebody uses now."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from guard.changes import Per, Quantity, RemoveLimit, SetLimit
from guard.config import Config
from guard.control.errors import OrderError
from guard.control.limits import check_subject, checked_limit
from guard.custody.measures import Measure
from guard.measures import AddedLimit
from guard.policy.limits import KINDS, Limits
from guard.policy.table import Glance
from guard.wire.address import household

_NAMES: dict[int, Quantity] = {number: name for name, number in KINDS.items()}  # type: ignore[misc]


class Configured(Struct, frozen=True):
    """A limit of the configuration, for each of a kind."""

    per: Per
    subject: str | None
    what: Quantity
    amount: str
    burst: int | None


class Use(Struct, frozen=True):
    """How much of a limit is used now, as this machine's workers count it, and how much is left."""

    what: Quantity
    amount: str
    used: float
    left: float


def configured(config: Config) -> list[Configured]:
    """Those of the configuration, in its order."""
    found = []
    for entry in config.limits:
        for what in _NAMES.values():
            amount = getattr(entry, what)
            if amount is not None:
                burst = entry.burst if what == "requests" else None
                found.append(Configured(entry.per, None, what, str(amount), burst))
    return found


def uses(config: Config, ordered: Iterable[Measure], per: Per, subject: str | None) -> list[Use]:
    """How much somebody uses of each limit that holds them; `ordered` are limits besides the configuration's.

    Raises:
        OrderError: that is nobody, or all of a kind, or not in the configuration.
        OSError, ValueError: what the workers count cannot be read.
    """
    if (subject is None) != (per == "global"):
        raise OrderError("subject", f"{per} is not one of its kind", "a name, or none for global")
    subject = checked_limit(RemoveLimit(per=per, subject=subject), config).subject
    if not _unknown(per, subject):
        check_subject(per, subject, config)
    subject = subject or ""
    name = household(subject) if per == "address" else subject
    table = _table(config)
    found = []
    for one in Limits(config.limits, map(_added, ordered)).all:
        if one.per == per and one.subject in (None, name):
            used = table.used(one.name(name), one.interval) if table is not None else 0.0
            found.append(Use(_NAMES[one.kind], one.amount, used, max(one.burst - used, 0.0)))
    return found


def _unknown(per: Per, subject: str | None) -> bool:
    """Whether it is a client whom nobody knows; so one is counted by the address."""
    return per == "client" and subject is not None and subject.startswith("@")


def _added(one: Measure) -> AddedLimit:
    change = one.change
    assert isinstance(change, SetLimit)
    return AddedLimit(change.per, change.subject, change.what, change.amount, change.burst)


def _table(config: Config) -> Glance | None:
    """What the workers count in; None: none has counted yet."""
    try:
        return Glance(Path(config.state) / "limits")
    except FileNotFoundError:
        return None
