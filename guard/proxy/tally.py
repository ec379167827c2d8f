"""A worker's counting: each exchange when it ends (`guard.proxy.ends`), what is open and in force once a second."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from pathlib import Path
from time import monotonic, time
from typing import TYPE_CHECKING

from guard.counts import Counts
from guard.custody import counts as files
from guard.proxy.ends import Ends
from guard.proxy.streamed import Streamed

if TYPE_CHECKING:
    from guard.proxy.intake import Intake
    from guard.proxy.proxy import Proxy

logger = logging.getLogger("guard")

LOOK_SECONDS = 1.0
LAG_SECONDS = 60.0


class Tally:
    """What one worker counts, and the file that it keeps it in.

    Attributes:
        ended: to be called with each exchange that is over.
        found: to be called with rules that matched, where a WebSocket goes on.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._counts = counts = files.restored(path)
        self._ends = Ends(counts)
        self.ended, self.found = self._ends.take, self._ends.found
        self._look_at = 0.0
        self._lates: deque[tuple[float, float]] = deque()
        self._records: deque[tuple[float, int]] = deque()
        self._before = (counts.bytes, counts.lost, counts.turned_away)
        self._spans, self._leases = counts.spans, counts.leases
        self._saving: asyncio.Future[None] | None = None
        self._trouble = ""

    @property
    def counts(self) -> Counts:
        """All that is counted so far."""
        self._ends.pour()
        return self._counts

    def swept(self, late: float) -> None:
        """The loop came to its sweep, so many seconds late."""
        self._counts.late.add(late)
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
        if events := proxy.meters.events():
            counts.leases = {what: self._leases.get(what, 0) + number for what, number in events.items()}
            counts.now.lease_seconds = proxy.meters.seconds
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
