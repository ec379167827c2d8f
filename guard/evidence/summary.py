"""Counting exchanges: how they ended, who asked, which rules matched, tokens, and how long it took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Self

KEPT = 10_000
"""How many different values are counted apart, of one thing; beyond twice as many the rarest become `OTHERS`."""

OTHERS = "(others)"
NONE = "-"
TIMINGS = ("overhead_us", "first_byte_us", "total_us")
TOKENS = ("input_tokens", "output_tokens", "total_tokens")
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}

Exchange = dict[str, Any]


def caller(exchange: Exchange) -> str:
    """What a client is called: by its name, its account, its key's fingerprint or its address, whichever there is."""
    client = exchange["client"] or {}
    found = (client.get(name) for name in ("name", "account", "key", "address"))
    return next((value for value in found if value), NONE)


def _client(name: str) -> Callable[[Exchange], str]:
    return lambda exchange: (exchange["client"] or {}).get(name) or NONE


def _time(form: str) -> Callable[[Exchange], str]:
    def told(exchange: Exchange) -> str:
        at = exchange["at"]
        return datetime.fromtimestamp(at, UTC).strftime(form) if at is not None else NONE

    return told


GROUPS: dict[str, Callable[[Exchange], str]] = {
    "minute": _time("%Y-%m-%dT%H:%MZ"),
    "hour": _time("%Y-%m-%dT%H:00Z"),
    "day": _time("%Y-%m-%d"),
    "client": caller,
    "account": _client("account"),
    "address": _client("address"),
    "route": lambda exchange: exchange["route"] or NONE,
    "model": lambda exchange: exchange["model"] or NONE,
    "version": lambda exchange: f"{exchange['model'] or NONE}/{exchange['version'] or NONE}",
    "end": lambda exchange: exchange["end"] or "open",
    "reason": lambda exchange: exchange["reason"] or NONE,
    "status": lambda exchange: str(exchange["response"].get("status") or NONE),
}
"""What exchanges can be told apart by."""

COUNTED = ("end", "reason", "status", "version", "client", "account", "address", "route")


def ranked(counts: Counter[str]) -> dict[str, int]:
    """The most frequent first; of those that are as frequent the first by name, so that it is the same each time."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


class Durations:
    """How often which duration (microseconds), to within 1 %: exact below 128, then 128 steps for each doubling."""

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()
        self.most = 0

    def add(self, value: float) -> None:
        """Count one."""
        whole = min(max(int(value), 0), 2**53)
        shift = max(whole.bit_length() - 8, 0)
        self.counts[whole >> shift << shift] += 1
        self.most = max(self.most, whole)

    def update(self, other: Self) -> None:
        """Count those that another has counted."""
        self.counts.update(other.counts)
        self.most = max(self.most, other.most)

    def told(self) -> dict[str, int] | None:
        """Percentiles and the most, or None if there are none."""
        total = sum(self.counts.values())
        if not total:
            return None
        found = {name: self._quantile(share * total) for name, share in QUANTILES.items()}
        return {**found, "max": self.most}

    def _quantile(self, rank: float) -> int:
        seen = 0
        for value, count in sorted(self.counts.items()):
            seen += count
            if seen >= rank:
                return value
        return self.most


class Numbers:
    """What is counted of any group of exchanges."""

    def __init__(self) -> None:
        self.exchanges = 0
        self.ends: Counter[str] = Counter()
        self.tokens: Counter[str] = Counter()
        self.durations = {name: Durations() for name in TIMINGS}

    def add(self, exchange: Exchange) -> None:
        """Count one."""
        self.exchanges += 1
        self.ends[exchange["end"] or "open"] += 1
        for name in TOKENS:
            self.tokens[name] += (exchange["usage"] or {}).get(name, 0)
        for name, durations in self.durations.items():
            if name in exchange["timings"]:
                durations.add(exchange["timings"][name])

    def update(self, other: Self) -> None:
        """Count those that another has counted."""
        self.exchanges += other.exchanges
        self.ends.update(other.ends)
        self.tokens.update(other.tokens)
        for name, durations in self.durations.items():
            durations.update(other.durations[name])

    def told(self) -> dict[str, Any]:
        """It as plain values."""
        return {
            "exchanges": self.exchanges,
            "end": ranked(self.ends),
            "tokens": {name: self.tokens[name] for name in TOKENS},
            "timings": {name: durations.told() for name, durations in self.durations.items()},
        }


class Summary:
    """Gathers exchanges as numbers; summaries of pieces are added to one with `update`."""

    def __init__(self, by: str | None = None) -> None:
        """Count, and count each group apart that `by` (one of `GROUPS`) makes."""
        self._by = by
        self.numbers = Numbers()
        self.groups: dict[str, Numbers] = {}
        self.counts: dict[str, Counter[str]] = {name: Counter() for name in (*COUNTED, "rule")}
        self.times: list[float] = []
        self.counted: dict[str, Counter[str]] = {"reason": Counter(), "client": Counter()}

    def refusals(self, exchange: Exchange, count: int) -> None:
        """Count so many that the journal only has the number of."""
        for name, counts in self.counted.items():
            counts[GROUPS[name](exchange)] += count

    def add(self, exchange: Exchange) -> None:
        """Count one."""
        self.numbers.add(exchange)
        for name in COUNTED:
            self.counts[name][GROUPS[name](exchange)] += 1
        self.counts["rule"].update({finding.get("rule") or NONE for finding in exchange["findings"]})
        if exchange["at"] is not None:
            self._between(exchange["at"])
        if self._by is not None:
            self.groups.setdefault(GROUPS[self._by](exchange), Numbers()).add(exchange)

    def take(self) -> Self:
        """The numbers so far."""
        return self

    def update(self, other: Self) -> None:
        """Count those that another has counted."""
        self.numbers.update(other.numbers)
        for name, counts in self.counts.items():
            counts.update(other.counts[name])
            _bound(counts)
        for name, counts in self.counted.items():
            counts.update(other.counted[name])
            _bound(counts)
        for at in other.times:
            self._between(at)
        for group, numbers in other.groups.items():
            known = group in self.groups or len(self.groups) < KEPT
            self.groups.setdefault(group if known else OTHERS, Numbers()).update(numbers)

    def told(self) -> dict[str, Any]:
        """It as plain values."""
        told = {
            **self.numbers.told(),
            "from": self.times[0] if self.times else None,
            "to": self.times[-1] if self.times else None,
            **{name: ranked(counts) for name, counts in self.counts.items()},
            "refusals": {
                "count": self.counted["reason"].total(),
                **{name: ranked(counts) for name, counts in self.counted.items()},
            },
        }
        if self._by is not None:
            told["by"] = [{"group": group, **numbers.told()} for group, numbers in self._in_order()]
        return told

    def _in_order(self) -> Iterator[tuple[str, Numbers]]:
        """Times as they come, others by how many there are."""
        timed = self._by in ("minute", "hour", "day")
        yield from sorted(self.groups.items(), key=lambda item: (0 if timed else -item[1].exchanges, item[0]))

    def _between(self, at: float) -> None:
        self.times = [min(at, *self.times), max(at, *self.times)] if self.times else [at, at]


def _bound(counts: Counter[str]) -> None:
    if len(counts) > 2 * KEPT:
        kept = counts.most_common(KEPT)
        rest = counts.total() - sum(count for _, count in kept)
        counts.clear()
        counts.update(dict(kept))
        counts[OTHERS] += rest
