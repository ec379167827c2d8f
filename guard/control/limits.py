"""Limits in orders: for whom there can be one, and what an amount is."""

from __future__ import annotations

from typing import TypeVar

from msgspec.structs import replace

from guard.changes import AMOUNTS, RemoveLimit, SetLimit
from guard.config import Config
from guard.control.errors import OrderError
from guard.control.names import canonical, check_caller, model_of

EXPECTED = {
    "requests": "e.g. 10/s, 600/min, 5000/h, 20000/d or 100000/month",
    "tokens": "e.g. 100000/min or 5000000/d",
    "cost": "e.g. 50/d or 0.5/h",
    "concurrency": "how many at once, e.g. 4",
}

OfLimits = TypeVar("OfLimits", SetLimit, RemoveLimit)


def checked_limit(change: OfLimits, config: Config) -> OfLimits:
    """The change with its subject in the one spelling.

    Raises:
        OrderError: there can be no such limit.
    """
    per, subject = change.per, change.subject
    if per == "global" and subject is not None:
        raise OrderError("subject", "a limit for all together is for nobody by name")
    if per == "address" and subject is not None:
        subject = canonical("ip", subject)
        if "/" in subject:
            raise OrderError("subject", f"{subject} is a network", "one address (IPv6: its /64), or none: for each")
        change = replace(change, subject=subject)
    if isinstance(change, SetLimit):
        check_subject(per, subject, config)
        _check_amount(change)
    return change


def check_subject(per: str, subject: str | None, config: Config) -> None:
    """See that who is limited is in the configuration; who is not any more may still have a limit taken back.

    Raises:
        OrderError: there is nobody of that name.
    """
    if subject is None:
        return
    if per in ("client", "account"):
        check_caller(per, subject, config)
    elif per == "model":
        model_of(config, subject)
    elif per == "route" and subject not in [route.path for route in config.routes]:
        paths = ", ".join(dict.fromkeys(route.path for route in config.routes))
        raise OrderError("subject", f"there is no route {subject!r}", f"there are {paths}", missing=True)


def _check_amount(change: SetLimit) -> None:
    if AMOUNTS[change.what].fullmatch(change.amount) is None:
        raise OrderError("amount", f"{change.amount!r} is no amount of {change.what}", EXPECTED[change.what])
    if change.burst is not None and change.what == "concurrency":
        raise OrderError("burst", "a burst belongs to a rate")
