"""Exchanges as they end, counted on the path of requests: plain numbers, no lock, no library, about a microsecond.

What every exchange adds to is kept here, in the attributes of one object, until somebody looks (`pour`); what only some
do goes into the counts at once.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import TYPE_CHECKING

from guard.counts import MODEL_SECONDS, OWN_SECONDS, Counts
from guard.exchange import Exchange, Finding

if TYPE_CHECKING:
    from guard.policy.models import Version

COMPLETE = "complete"
MOST_TOKENS = 2**31
"""A model that tells of more in a second is not believed: sums have to stay numbers that can be kept."""


class _Seen:
    """Of one version since the last look: whole answers, and tokens."""

    __slots__ = ("complete", "read", "written")

    def __init__(self) -> None:
        self.complete = self.read = self.written = 0


class Ends:
    """Counts exchanges that are over."""

    __slots__ = (
        "_answered", "_asked", "_counts", "_first_byte", "_first_byte_sum", "_overhead", "_overhead_sum", "_seen",
        "_upstream", "_upstream_sum",
    )  # fmt: skip

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._seen: dict[Version, _Seen] = {}
        self._asked = self._answered = 0
        # The very lists of the counts: only the sums wait.
        self._overhead = counts.overhead.counts
        self._upstream = counts.upstream.counts
        self._first_byte = counts.first_byte.counts
        self._overhead_sum = self._upstream_sum = self._first_byte_sum = 0.0

    def take(self, exchange: Exchange) -> None:
        """Count an exchange, when all of it is known; once."""
        version, attempts = exchange.version, exchange.attempts
        if version is None:
            self._add_request(exchange)
        else:
            seen = self._seen.get(version)
            if seen is None:
                seen = self._seen[version] = _Seen()
            if exchange.end == COMPLETE:
                seen.complete += 1
            else:
                self._add_request(exchange)
            if (usage := exchange.usage) is not None:
                seen.read += usage["input_tokens"]
                seen.written += usage["output_tokens"]
        self._asked += len(exchange.body)
        self._answered += len(exchange.answer) + exchange.withheld
        seconds = exchange.overhead
        self._overhead[bisect_left(OWN_SECONDS, seconds)] += 1
        self._overhead_sum += seconds
        if attempts:
            seconds = exchange.waited
            self._upstream[bisect_left(MODEL_SECONDS, seconds)] += 1
            self._upstream_sum += seconds
            attempt = attempts[-1]
            if attempt.status >= 429 or attempt.error is not None or len(attempts) > 1:
                self._add_failures(exchange)
        if seconds := exchange.first_byte_at:
            seconds -= exchange.received_at
            self._first_byte[bisect_left(MODEL_SECONDS, seconds)] += 1
            self._first_byte_sum += seconds
        if exchange.refusal is not None:
            code = exchange.refusal.code
            self._counts.refusals[code] = self._counts.refusals.get(code, 0) + 1
        if exchange.findings:
            self.found(exchange.findings)
        if exchange.session is not None:
            for side, number in exchange.session["messages"].items():
                self._counts.messages[side] = self._counts.messages.get(side, 0) + number

    def found(self, findings: Iterable[Finding]) -> None:
        """Count rules that matched."""
        counts = self._counts.findings
        for finding in findings:
            key = (finding["target"], finding["mode"], finding["action"])
            counts[key] = counts.get(key, 0) + 1

    def pour(self) -> None:
        """Bring everything into the counts that is not there yet."""
        counts = self._counts
        for version, seen in self._seen.items():
            _add(counts.requests, (version.model, version.name, COMPLETE), seen.complete)
            _add(counts.tokens, (version.model, version.name, "input"), min(seen.read, MOST_TOKENS))
            _add(counts.tokens, (version.model, version.name, "output"), min(seen.written, MOST_TOKENS))
        self._seen.clear()
        counts.asked += self._asked
        counts.answered += self._answered
        self._asked = self._answered = 0
        counts.overhead.sum += self._overhead_sum
        counts.upstream.sum += self._upstream_sum
        counts.first_byte.sum += self._first_byte_sum
        self._overhead_sum = self._upstream_sum = self._first_byte_sum = 0.0

    def _add_request(self, exchange: Exchange) -> None:
        version = exchange.version
        if version is not None:
            key = (version.model, version.name, exchange.end)
        else:
            route = exchange.route or (exchange.routes[0] if exchange.routes else None)
            key = (route.model.name if route is not None else "", "", exchange.end)
        _add(self._counts.requests, key, 1)

    def _add_failures(self, exchange: Exchange) -> None:
        for attempt in exchange.attempts:
            if attempt.error is not None or attempt.status == 429 or attempt.status >= 500:
                key = (attempt.version.model, attempt.version.name)
                self._counts.failures[key] = self._counts.failures.get(key, 0) + 1


def _add(counts: dict[tuple[str, str, str], int], key: tuple[str, str, str], number: int) -> None:
    if number:
        counts[key] = counts.get(key, 0) + number
