"""A worker's counting: each exchange once, when it ends, and what is open about once a second.

What is on the path of a request costs less than a microsecond: numbers in dictionaries and lists, no lock, no library.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from time import monotonic, time
from typing import TYPE_CHECKING

from guard.custody import counts as files
from guard.exchange import Exchange, Finding
from guard.proxy.streamed import Streamed

if TYPE_CHECKING:
    from guard.proxy.intake import Intake
    from guard.proxy.proxy import Proxy

logger = logging.getLogger("guard")

LOOK_SECONDS = 1.0
LAG_SECONDS = 60.0
MOST_TOKENS = 2**31
"""A model that tells of more for one answer is not believed."""


class Tally:
    """What one worker counts, and the file that it keeps it in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts = files.restored(path)
        self._look_at = 0.0
        self._lates: deque[tuple[float, float]] = deque()
        self._records: deque[tuple[float, int]] = deque()
        self._before = (self.counts.bytes, self.counts.lost, self.counts.turned_away)
        self._spans = self.counts.spans
        self._saving: asyncio.Future[None] | None = None
        self._trouble = ""

    # On the path of requests.

    def ended(self, exchange: Exchange) -> None:
        """Count an exchange that is over."""
        counts = self.counts
        version = exchange.version
        if version is not None:
            model, name = version.model, version.name
            if exchange.usage:
                self._add_tokens(model, name, exchange.usage)
        else:
            route = exchange.route or (exchange.routes[0] if exchange.routes else None)
            model, name = route.model.name if route is not None else "", ""
        key = (model, name, exchange.end)
        requests = counts.requests
        requests[key] = requests.get(key, 0) + 1
        counts.asked += len(exchange.body)
        counts.answered += len(exchange.answer) + exchange.withheld
        counts.overhead.add(exchange.overhead)
        if exchange.attempts:
            counts.upstream.add(exchange.waited)
            attempt = exchange.attempts[-1]
            if attempt.error is not None or len(exchange.attempts) > 1 or attempt.status >= 429:
                self._add_failures(exchange)
        if exchange.first_byte_at:
            counts.first_byte.add(exchange.first_byte_at - exchange.received_at)
        if exchange.refusal is not None:
            code = exchange.refusal.code
            counts.refusals[code] = counts.refusals.get(code, 0) + 1
        if exchange.findings:
            self.found(exchange.findings)
        if exchange.session is not None:
            for side, number in exchange.session["messages"].items():
                counts.messages[side] = counts.messages.get(side, 0) + number

    def found(self, findings: Iterable[Finding]) -> None:
        """Count rules that matched."""
        counts = self.counts.findings
        for finding in findings:
            key = (finding["target"], finding["mode"], finding["action"])
            counts[key] = counts.get(key, 0) + 1

    def _add_tokens(self, model: str, version: str, usage: dict[str, int]) -> None:
        tokens = self.counts.tokens
        for kind, name in (("input", "input_tokens"), ("output", "output_tokens")):
            key = (model, version, kind)
            if (number := usage.get(name, 0)) <= MOST_TOKENS:
                tokens[key] = tokens.get(key, 0) + number

    def _add_failures(self, exchange: Exchange) -> None:
        failures = self.counts.failures
        for attempt in exchange.attempts:
            if attempt.error is not None or attempt.status == 429 or attempt.status >= 500:
                key = (attempt.version.model, attempt.version.name)
                failures[key] = failures.get(key, 0) + 1

    # Now and then.

    def swept(self, late: float) -> None:
        """The loop came to its sweep, so many seconds late."""
        self.counts.late.add(late)
        # Only what no later one exceeds is of interest, so that the first is the most of the time that counts.
        while self._lates and self._lates[-1][1] <= late:
            self._lates.pop()
        self._lates.append((monotonic(), late))

    def reloaded(self) -> None:
        """The configuration was read again, and taken over."""
        self.counts.reloads += 1
        self.counts.reloaded = time()

    def look(self, proxy: Proxy, now: float) -> None:
        """See what is open, and keep all in the file; called several times a second, done once."""
        if now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            self.measure(proxy, now)
            if self._saving is None or self._saving.done():
                self._saving = asyncio.get_running_loop().run_in_executor(None, self._save, files.encode(self.counts))

    def close(self, proxy: Proxy) -> None:
        """Keep what was counted to the end."""
        self.measure(proxy, monotonic())
        self._save(files.encode(self.counts))

    def measure(self, proxy: Proxy, now: float) -> None:
        """See what is so now; `now` is monotonic seconds."""
        counts, journal = self.counts, proxy.journal
        size, lost, turned_away = self._before
        counts.records = journal.log.durable.seq
        counts.bytes = size + journal.log.durable_bytes
        if counts.lost != (lost := lost + journal.lost_ever):
            counts.lost, counts.lost_at = lost, time()
        counts.turned_away = turned_away + proxy.crowd.turned_away
        if (tracer := proxy.tracer) is not None:
            counts.spans = {what: self._spans.get(what, 0) + number for what, number in tracer.counted().items()}
        self._remember_records(now, counts.records)
        self._measure_now(proxy, now)

    def _measure_now(self, proxy: Proxy, now: float) -> None:
        gauges, journal = self.counts.now, proxy.journal
        while self._lates and self._lates[0][0] < now - LAG_SECONDS:
            self._lates.popleft()
        gauges.at = time()
        gauges.policy, gauges.measures = proxy.policy.version, proxy.policy.measures.version
        gauges.lag = self._lates[0][1] if self._lates else 0.0
        gauges.journal_lag, gauges.kept, gauges.healthy = journal.lag(now), journal.kept, journal.writing
        gauges.connections, gauges.exchanges = len(proxy.connections), len(proxy.relays)
        gauges.streams = sum(map(_is_stream, proxy.relays))
        gauges.running = proxy.admission.running
        gauges.waiting = len(proxy.admission.known) + len(proxy.admission.unknown)
        pools = proxy.pools
        gauges.idle = sum(len(pool.idle) for pool in pools)
        gauges.busy = sum(len(pool.open) for pool in pools) - gauges.idle
        gauges.opening = sum(len(pool.opening) for pool in pools)
        gauges.wanted = sum(len(pool.waiting) for pool in pools)

    def _remember_records(self, now: float, records: int) -> None:
        self._records.append((now, records))
        while self._records[0][0] <= now - LAG_SECONDS:
            self.counts.signable = self._records.popleft()[1]

    def _save(self, encoded: bytes) -> None:
        """In a thread, for a disk may take its time."""
        try:
            files.save(self.path, encoded)
        except OSError as error:
            if str(error) != self._trouble:
                logger.warning("what the guard counts cannot be kept, and metrics stay as they were: %s", error)
            self._trouble = str(error)
        else:
            self._trouble = ""


def _is_stream(relay: Intake) -> bool:
    return isinstance(getattr(relay, "answer", None), Streamed) or getattr(relay, "session", None) is not None
