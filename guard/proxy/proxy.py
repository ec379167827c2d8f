"""A worker's proxy: the policy in force, the pools, the journal, and the sweep that keeps every deadline."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from time import monotonic, time
from typing import Any

from guard.config import Config, Http, Upstream
from guard.custody import counts
from guard.exchange import Exchange
from guard.journal.record import refusals_line
from guard.journal.refusals import Refusals
from guard.journal.writer import Journal
from guard.policy.admission import Admission
from guard.policy.borrowing import Borrowing
from guard.policy.clients import ANONYMOUS
from guard.policy.meters import Meters
from guard.policy.models import Version
from guard.policy.policy import Policy
from guard.policy.table import Table
from guard.proof.node import node_name
from guard.proxy.intake import Intake
from guard.proxy.probe import PROBES, Probe
from guard.proxy.relay import Relay
from guard.proxy.tally import Tally
from guard.proxy.tracing import open_tracer
from guard.proxy.upgrade import Upgrade
from guard.refusal import Refusal
from guard.stages.block import blocked, client_blocked
from guard.stages.route import isolated
from guard.store.leases import Leases
from guard.store.opening import budgets_of
from guard.wire.crowd import Crowd
from guard.wire.framing import upgrade_not_supported
from guard.wire.pool import Pool
from guard.wire.roles import Handler
from guard.wire.server import ServerConnection

logger = logging.getLogger("guard.proxy")

SWEEP_SECONDS = 0.1
FORGET_SECONDS = 10.0
GOODBYE_SECONDS = 1.0


class Proxy:
    """What a worker's connections share. `open` begins an exchange; all its changing state is named in `__init__`.

    `beat` is called with every sweep: the loop turns.
    """

    def __init__(self, config: Config, policy: Policy, journal: Journal) -> None:
        self.policy = policy
        self.journal = journal
        self.http: Http = config.data.http
        self.upstream: Upstream = config.upstream
        self.meters = _meters(config)
        self._table = Path(config.state) / "limits"
        self._share(policy)
        self.refusals = Refusals(config.journal.refusals)
        self.admission = Admission(config.data.overload)
        self.tally = Tally(counts.place(Path(config.state), journal.log.slot.log))
        self.tracer = open_tracer(config.tracing, f"{journal.node}/{journal.log.slot.log}")
        self.beat: Callable[[], None] = _nobody
        journal.on_full, journal.on_room = self.admission.hold, self._go_on
        self.reading_room = ThreadPoolExecutor(1, "inspect")
        self.relays: set[Intake] = set()
        self.connections: set[ServerConnection] = set()
        self.crowd = Crowd(self.http, config.data.overload.body_bytes)
        self._pools: dict[tuple[object, ...], Pool] = {}
        self._id_prefix = os.urandom(4).hex()
        self._id_count = count(1)
        self._sweeper: asyncio.TimerHandle | None = None
        self._sweep_at = 0.0
        self._forget_at = 0.0

    def open(self, connection: ServerConnection, exchange: Exchange, relay: type[Relay] = Relay) -> Handler:
        """Begin an exchange: it has an id, a time, and the policy that it will use to its end."""
        if exchange.target in PROBES and exchange.refusal is None:
            return Probe(self, connection, exchange)
        exchange.at = at = time()
        # Milliseconds first, so that ids sort by time; the prefix tells workers and restarts apart.
        exchange.id = f"{int(at * 1000):x}-{self._id_prefix}-{next(self._id_count):x}"
        exchange.policy = policy = self.policy
        if self.tracer is not None:
            exchange.trace = self.tracer.begin(exchange)
        exchange.address = connection.peer
        certificate = connection.certificate
        exchange.identity = ANONYMOUS if certificate is None else policy.clients.certified(certificate)
        return relay(self, connection, exchange)

    def upgrade(self, connection: ServerConnection, exchange: Exchange) -> Upgrade:
        """Begin an exchange that asks for a WebSocket."""
        handler = self.open(connection, exchange, Upgrade)
        if not isinstance(handler, Upgrade):
            raise upgrade_not_supported()
        return handler

    def pool(self, version: Version) -> Pool:
        """The connections to a version's origin, shared by all versions that answer there under the same trust."""
        key = (version.origin, version.ca)
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = Pool(version.origin, self.upstream, version.tls)
        return pool

    @property
    def pools(self) -> Collection[Pool]:
        """All connections to models, by where they lead."""
        return self._pools.values()

    def adopt(self, policy: Policy) -> None:
        """Put another policy in force for exchanges to come; those open that it will have no more of end at once."""
        self.policy = policy
        self._share(policy)
        for version in policy.routes.versions:
            # The file with the certificates to trust may have changed; pools go by what it said when they were made.
            pool = self._pools.get((version.origin, version.ca))
            if pool is not None:
                pool.tls = version.tls
        for relay in [handler for connection in self.connections if isinstance(handler := connection.handler, Relay)]:
            refusal = _cut(relay.exchange, policy)
            if refusal is not None:
                relay.cut(refusal)

    def _share(self, policy: Policy) -> None:
        """Count with the node's other workers from the first limit on."""
        if policy.limits.all and self.meters.table is None:
            try:
                self.meters.share(Table(self._table))
            except OSError as error:
                logger.error("each worker counts by itself, for the table of limits cannot be used: %s", error)

    def start(self) -> None:
        """Begin sweeping."""
        self._sweep_at = monotonic() + SWEEP_SECONDS
        self._sweeper = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)

    def stop(self) -> None:
        """End what is still open, telling clients so; `emptied` waits for the end of that."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in list(self.connections):
            connection.end()
        for pool in self._pools.values():
            pool.close()
        self.reading_room.shutdown(wait=False, cancel_futures=True)
        self._write_down(self.refusals.rest())

    async def emptied(self) -> None:
        """Wait, not for long, until the clients have what was written to them; then break what is left, and put the
        journal to rest: what an exchange comes to is written down when it ends, and some end only now.
        """
        await self._without_connections()
        for connection in list(self.connections):
            connection.transport.abort()
        await self._without_connections()
        self.journal.close()
        if self.tracer is not None:
            self.tracer.close()
        self.tally.close(self)
        self.meters.close()

    async def _without_connections(self) -> None:
        until = monotonic() + GOODBYE_SECONDS
        while self.connections and monotonic() < until:
            await asyncio.sleep(SWEEP_SECONDS / 10)

    def _go_on(self) -> None:
        """The disk has caught up: begin what waits, and let models that were held speak on."""
        self.admission.resume()
        for relay in list(self.relays):
            if isinstance(relay, Relay):
                relay.release_model()

    def _sweep(self) -> None:
        # Asked for first: a fault below may cost this round, but not all deadlines to come.
        self._sweeper = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)
        self.beat()
        now = monotonic()
        self.tally.swept(max(now - self._sweep_at, 0.0))
        self._sweep_at = now + SWEEP_SECONDS
        for connection in list(self.connections):
            connection.sweep(now)
        for relay in list(self.relays):
            try:
                relay.sweep(now)
            except Exception:
                relay.fault()
        self.admission.sweep(now)
        self.journal.sweep(now)
        if self.journal.ready():
            self._write_down(self.refusals.due(time()))
        for pool in self._pools.values():
            pool.sweep(now)
        self.meters.look()
        if now >= self._forget_at:
            self._forget_at = now + FORGET_SECONDS
            self.meters.sweep(self.meters.now())
        self.tally.look(self, now)

    def _write_down(self, refusals: list[dict[str, Any]]) -> None:
        for record in refusals:
            self.journal.add_lazily(refusals_line(record))


def _cut(exchange: Exchange, policy: Policy) -> Refusal | None:
    """Why an exchange that is open may not go on under a policy; None: it may."""
    found = blocked(exchange, policy)
    if found is not None and not found.simulated:
        return client_blocked(close=True)
    if exchange.route is not None and policy.measures.access(exchange.route.model.name) == "offline":
        return isolated(close=True)
    return None


def _meters(config: Config) -> Meters:
    """What counts use: with other nodes where there is a store."""
    if config.store.url is None:
        return Meters()
    return Borrowing(Leases(budgets_of(config.store), node_name(Path(config.state))), config.store.wait)


def _nobody() -> None:
    """Nobody listens for the worker's beat."""
