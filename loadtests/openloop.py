"""Load that does not wait for its answers: so many requests a second, whether or not the ones before are answered."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from time import perf_counter

import httptools

TICK_SECONDS = 0.001
MAX_CONNECTIONS = 4_000


class Tally:
    """What came of the requests: seconds that answers took, by status; 0: the connection broke."""

    def __init__(self) -> None:
        self.took: defaultdict[int, list[float]] = defaultdict(list)

    def count(self, *statuses: int) -> int:
        """How many answers had one of these."""
        return sum(len(self.took[status]) for status in statuses)

    def percentile(self, status: int, percent: float) -> float:
        """The time (seconds) that so many percent of the answers with this status took at most."""
        took = sorted(self.took[status])
        return took[min(int(len(took) * percent / 100), len(took) - 1)] if took else 0.0


class Caller(asyncio.Protocol):
    """One connection; it is `idle`, or waits for an answer since `asked_at`."""

    transport: asyncio.Transport

    def __init__(self, load: Load) -> None:
        self.load = load
        self.parser = httptools.HttpResponseParser(self)
        self.asked_at = 0.0
        self.closes = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport  # type: ignore[assignment]

    def ask(self) -> None:
        """Send the request."""
        self.asked_at = perf_counter()
        self.transport.write(self.load.request)

    def data_received(self, data: bytes) -> None:
        """Read."""
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        """An answer is whole."""
        self.load.tally.took[self.parser.get_status_code()].append(perf_counter() - self.asked_at)
        self.asked_at = 0.0
        if self.parser.should_keep_alive():
            self.load.idle.append(self)
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio tells it
        """Count an answer that will not come."""
        self.load.open -= 1
        if self.asked_at:
            self.load.tally.took[0].append(perf_counter() - self.asked_at)
        elif self in self.load.idle:
            self.load.idle.remove(self)


class Load:
    """Sends one request again and again to `host:port`; `tally` says what came of it."""

    def __init__(self, host: str, port: int, request: bytes) -> None:
        self.host = host
        self.port = port
        self.request = request
        self.tally = Tally()
        self.idle: list[Caller] = []
        self.open = 0
        self.tasks: set[asyncio.Task[None]] = set()

    async def run(self, rate: float, seconds: float) -> Tally:
        """Send `rate` requests a second for so many `seconds`, then wait a moment for the last answers."""
        self.tally = Tally()
        started, sent = perf_counter(), 0
        while (now := perf_counter()) < started + seconds:
            for _ in range(int((now - started) * rate) - sent):
                sent += 1
                self._send()
            await asyncio.sleep(TICK_SECONDS)
        await asyncio.sleep(0.5)
        return self.tally

    def close(self) -> None:
        """Close what is idle."""
        for caller in list(self.idle):
            caller.transport.close()

    def _send(self) -> None:
        if self.idle:
            self.idle.pop().ask()
        elif self.open < MAX_CONNECTIONS:
            self.open += 1
            task = asyncio.get_running_loop().create_task(self._connect())
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _connect(self) -> None:
        _, caller = await asyncio.get_running_loop().create_connection(lambda: Caller(self), self.host, self.port)
        caller.ask()
