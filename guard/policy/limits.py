"""How much each caller may ask: requests by GCRA, and how many at once.

GCRA, the generic cell rate algorithm (ITU-T I.371, annex A), keeps one number a subject: the theoretical arrival time
(TAT) of the next request if all came evenly spaced. A request is in time while its TAT runs ahead of the clock by no
more than the burst.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import NamedTuple

from guard import config

UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}
# Seconds: what adding intervals to the clock of a machine that is up for years may be wrong by.
TOLERANCE = 1e-6


class Limit(NamedTuple):
    """One bound for every subject of a kind. `interval` and `window` are seconds; None: requests are not counted.

    Limits with the same `key` are the same limit, and count together also across policies.
    """

    key: str
    per: str
    requests: str
    interval: float | None
    window: float
    quota: int
    burst: int
    concurrency: int | None


class Denied(NamedTuple):
    """Why a request is over a limit, and in how many seconds it would not be."""

    limit: Limit
    what: str
    retry_after: float


def parse_limit(limit: config.Limit) -> Limit:
    """Read a limit of the configuration, e.g. ``requests: 100/min``."""
    key = f"{limit.per} {limit.requests} burst {limit.burst} concurrency {limit.concurrency}"
    if limit.requests is None:
        return Limit(key, limit.per, "", None, 0.0, 0, 0, limit.concurrency)
    count, _, unit = limit.requests.partition("/")
    window = UNITS[unit]
    return Limit(
        key, limit.per, limit.requests, window / int(count), window, int(count), limit.burst, limit.concurrency
    )


class Limits:
    """The limits in force, in the order of the configuration."""

    def __init__(self, limits: Iterable[config.Limit]) -> None:
        # The same limit twice is one limit, and is counted once.
        self.all = tuple(dict.fromkeys(parse_limit(limit) for limit in limits))


Held = tuple[tuple[dict[str, int], str], ...]


class Meters:
    """A worker's counts against the limits: arrival times and requests in progress, by limit and subject."""

    def __init__(self) -> None:
        self._arrivals: defaultdict[str, dict[str, float]] = defaultdict(dict)
        self._running: defaultdict[str, dict[str, int]] = defaultdict(dict)

    def admit(self, limits: Limits, subject_of: Callable[[str], str | None], now: float) -> Denied | Held:
        """Count a request against every limit that has a subject here, or against none when one of them denies it.

        Args:
            limits: what is in force.
            subject_of: tells the subject for a limit's `per` (``client``: ``acme-app``); None: the limit does not
                apply.
            now: monotonic seconds.

        Returns:
            What to give to `release` when the request is over, or why it is denied (the longest wait first).
        """
        denied: Denied | None = None
        arrivals: list[tuple[dict[str, float], str, float]] = []
        held: list[tuple[dict[str, int], str]] = []
        for limit in limits.all:
            subject = subject_of(limit.per)
            if subject is None:
                continue
            if limit.interval is not None:
                times = self._arrivals[limit.key]
                arrival = max(times.get(subject, 0.0), now) + limit.interval
                wait = arrival - now - limit.interval * limit.burst
                if wait > TOLERANCE and (denied is None or wait > denied.retry_after):
                    denied = Denied(limit, "requests", wait)
                arrivals.append((times, subject, arrival))
            if limit.concurrency is not None:
                running = self._running[limit.key]
                if running.get(subject, 0) >= limit.concurrency and denied is None:
                    denied = Denied(limit, "concurrency", 1.0)
                held.append((running, subject))
        if denied is not None:
            return denied
        for times, subject, arrival in arrivals:
            times[subject] = arrival
        for running, subject in held:
            running[subject] = running.get(subject, 0) + 1
        return tuple(held)

    @staticmethod
    def release(held: Held) -> None:
        """A request that `admit` let in is over."""
        for running, subject in held:
            left = running[subject] - 1
            if left:
                running[subject] = left
            else:
                del running[subject]

    def sweep(self, now: float) -> None:
        """Forget subjects whose burst is whole again, so that memory follows the callers of the moment, not of all
        time.
        """
        for times in self._arrivals.values():
            for subject in [subject for subject, arrival in times.items() if arrival <= now]:
                del times[subject]

    def remaining(self, limit: Limit, subject: str, now: float) -> int:
        """How many requests the subject could make at once now."""
        if limit.interval is None:
            return 0
        ahead = max(self._arrivals[limit.key].get(subject, 0.0) - now, 0.0)
        return max(int(limit.burst - ahead / limit.interval + 1e-6), 0)
