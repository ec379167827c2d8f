"""A data worker: it starts and stops under uvicorn, and takes over what changes meanwhile."""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import logging
import multiprocessing
import os
import signal
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from guard.assembly import Decisions, balancers, custody, decide, journal_folder, open_journal
from guard.config import Config
from guard.custody.snapshot import FILE as SNAPSHOT
from guard.custody.watch import Watch
from guard.custody.workers import Running, acknowledge, leave
from guard.measures import Measures
from guard.policy.policy import Policy, with_measures
from guard.proxy.proxy import Proxy
from guard.pulse import Pulse
from guard.ruleset.bundle import Bundle, BundleError
from guard.ruleset.emergency import with_added
from guard.ruleset.redactor import RedactionError
from guard.settings import SettingsError
from guard.settings.renewal import renewed
from guard.wire.preface import Entrance
from guard.wire.tls import TlsError

logger = logging.getLogger("guard")

LOOK_SECONDS = 0.05
GC_THRESHOLDS = (20_000, 20, 50)
# The word of who watches over the worker, when its loop hangs, to say on stderr where it stands.
LAST_WORDS = signal.SIGUSR1

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Reread = Callable[[], Config]


class Worker:
    """A data worker, as uvicorn sees it: an application that only starts and stops, for requests never reach ASGI.

    Attributes:
        config: what is in force. A worker that is started later begins with it.
        reread: reads the configuration again; SIGHUP asks for that.
        version: how often the configuration was read; with the number of measures it is the policy's version.
        watch: what sees operators' measures.
        pulse: what tells who watches over it that its loop turns; None: nobody does.
        rules: those of the configuration.
        fault: why some measure is not in force; empty: all are.
    """

    watch: Watch
    rules: Bundle
    fault = ""

    def __init__(self, config: Config, reread: Reread, decisions: Decisions | None) -> None:
        """With `decisions` None the worker makes its own, as one in a process of its own must."""
        self.config = config
        self.reread = reread
        self.decisions = decisions
        self.version = 1
        self.pulse: Pulse | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak ASGI's lifespan protocol: build the proxy at startup, end what is open at shutdown."""
        await receive()
        try:
            proxy, entrance = self._start()
        except (BundleError, RedactionError, TlsError, OSError, ValueError) as error:
            logger.error("the guard cannot start: %s", error)
            await send({"type": "lifespan.startup.failed"})
            return
        scope["state"].update(service=proxy, entrance=entrance)
        hung_up = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hung_up.set)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
        _end_with_parent()
        # One after the other: each builds on the policy that the other has put in force.
        turns = asyncio.Lock()
        tasks = [
            asyncio.create_task(self._reload(hung_up, turns, proxy, entrance)),
            asyncio.create_task(self._take_measures(turns, proxy)),
        ]
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in tasks:
            task.cancel()
        if self.pulse is not None:
            self.pulse.rest()
        leave(Path(self.config.state), proxy.journal.log.slot.log)
        proxy.stop()
        await proxy.emptied()
        await send({"type": "lifespan.shutdown.complete"})

    def renew(self) -> Decisions | None:
        """Read the configuration again; None: it is not fit to be used, the log says why, and nothing has changed."""
        try:
            config, kept = renewed(self.config, self.reread())
            decisions = decide(config, self.version + 1)
        except (SettingsError, BundleError, TlsError, OSError, ValueError) as error:
            logger.error("the configuration was read again and changes nothing: %s", error)
            return None
        except Exception:
            logger.exception("the configuration was read again and changes nothing, for it met a fault in the guard")
            return None
        for key in kept:
            logger.warning("%s needs a restart to change; all else is taken over", key)
        self.config = config
        self.version += 1
        return decisions

    def _start(self) -> tuple[Proxy, Entrance]:
        policy, tls = self.decisions or decide(self.config, self.version)
        self.rules = policy.rules
        self.watch = Watch(journal_folder(self.config), Path(self.config.state) / SNAPSHOT)
        policy = self._measured(policy, self.watch.first())
        journal = open_journal(self.config, policy)
        proxy = Proxy(self.config, policy, journal)
        if self.pulse is not None:
            proxy.beat = self.pulse.beat
            faulthandler.register(LAST_WORDS)
            # From here on the loop has to turn; what comes before takes its time.
            self.pulse.beat()
        proxy.start()
        self._acknowledge(proxy)
        # What is loaded now lives as long as the worker: keep the collector from going through it again and again. An
        # exchange is freed by its reference counts, so the collector has little to find and may come seldom.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        return proxy, Entrance(tls, balancers(self.config, policy))

    async def _reload(self, hung_up: asyncio.Event, turns: asyncio.Lock, proxy: Proxy, entrance: Entrance) -> None:
        """Each time the event is set, put what the configuration then says in force. Requests go on meanwhile."""
        while await hung_up.wait():
            hung_up.clear()
            async with turns:
                decisions = await asyncio.to_thread(self.renew)
                if decisions is not None:
                    policy, entrance.tls = decisions
                    self.rules = policy.rules
                    entrance.balancers = balancers(self.config, policy)
                    self._adopt(proxy, await asyncio.to_thread(self._measured, policy, proxy.policy.measures))
                    proxy.tally.reloaded()
                    logger.info("the configuration was read again: policy %d is in force", proxy.policy.version)
                else:
                    proxy.tally.counts.reloads_failed += 1

    async def _take_measures(self, turns: asyncio.Lock, proxy: Proxy) -> None:
        """Put each measure in force that operators take, and say so; none of it waits for a request, or the reverse."""
        missed: Measures | None = None
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            async with turns:
                measures = self.watch.news() or missed
                if measures is None:
                    continue
                try:
                    self._adopt(proxy, await asyncio.to_thread(self._measured, proxy.policy, measures))
                    missed = None
                except Exception:
                    if missed is None:
                        logger.exception("measures met a fault in the guard; it is tried again")
                    missed = measures

    def _measured(self, policy: Policy, measures: Measures) -> Policy:
        """The policy with these measures. A rule that cannot be compiled here leaves those as they were."""
        bounds = self.config.rules
        self.fault = ""
        try:
            rules = with_added(self.rules, measures.rules, engine=bounds.engine, hold_back=bounds.hold_back)
        except BundleError as error:
            logger.error("rules that were added by command are not in force: %s", error)
            self.fault = str(error)
            rules = policy.rules
        return with_measures(policy, self.config, measures, self.version + measures.version, rules)

    def _adopt(self, proxy: Proxy, policy: Policy) -> None:
        proxy.adopt(policy)
        try:
            proxy.journal.describe(custody(self.config, policy))
        except (OSError, ValueError) as error:
            logger.error("the journal is not told that policy %d is in force: %s", policy.version, error)
        self._acknowledge(proxy)

    def _acknowledge(self, proxy: Proxy) -> None:
        log, policy = proxy.journal.log.slot.log, proxy.policy
        try:
            told = Running(log, os.getpid(), policy.measures.version, policy.version, self.fault)
            acknowledge(Path(self.config.state), told)
        except OSError as error:
            logger.warning("nobody is told which measures are in force: %s", error)


def _end_with_parent() -> None:
    """A worker of several that outlives its parent drains and ends, as the parent would have told it to."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    loop = asyncio.get_running_loop()

    def left_alone() -> None:
        loop.remove_reader(parent.sentinel)
        logger.warning("the process that started this worker is gone; it ends too")
        signal.raise_signal(signal.SIGTERM)

    loop.add_reader(parent.sentinel, left_alone)
