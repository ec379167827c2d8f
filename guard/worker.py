"""A data worker: it starts and stops under uvicorn, and takes over what changes meanwhile."""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

from guard.assembly import Decisions, balancers, custody, decide, journal_folder, open_journal
from guard.config import Config
from guard.custody.bundles import Shelf
from guard.custody.control import lock_of
from guard.custody.notice import Notice
from guard.custody.rules import Rulebook
from guard.custody.snapshot import FILE as SNAPSHOT
from guard.custody.watch import Watch
from guard.custody.workers import ADDED, Running, acknowledge, leave
from guard.measures import Measures
from guard.policy.policy import Policy, with_measures
from guard.policy.unmet import unmet
from guard.proxy.proxy import Proxy
from guard.pulse import Pulse
from guard.ruleset.bundle import Bundle, BundleError
from guard.ruleset.redactor import RedactionError
from guard.settings import SettingsError
from guard.settings.renewal import renewed
from guard.wire.preface import Entrance
from guard.wire.tls import TlsError

logger = logging.getLogger("guard")

LOOK_SECONDS = 0.05
AGAIN_SECONDS = 1.0
REST = 0.25
GC_THRESHOLDS = (20_000, 20, 50)
# The word of who watches over the worker, when its loop hangs, to say on stderr where it stands.
LAST_WORDS = signal.SIGUSR1

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Reread = Callable[[], Config]


class Renewal(NamedTuple):
    """The configuration, read again; `kept` are the keys that only a restart changes."""

    config: Config
    kept: list[str]
    decisions: Decisions


class Worker:
    """A data worker, as uvicorn sees it: an application that only starts and stops, for requests never reach ASGI.

    Attributes:
        config: what is in force. A worker that is started later begins with it.
        reread: reads the configuration again; SIGHUP asks for that.
        version: how often the configuration was read; with the number of measures it is the policy's version.
        watch: what sees operators' measures.
        pulse: what tells who watches over it that its loop turns.
        rules: those in force, and those that are to be.
        lacking: is set when what was added to them is to be made ready.
        fault: why a rule that was added is not in force; empty: all are.
        untold: what is in force could not be told.
        first: of several workers the one that tells what one of them is to tell for all.
    """

    watch: Watch
    rules: Rulebook
    lacking: asyncio.Event
    pulse: Pulse
    fault = ""
    untold = False
    first = True

    def __init__(self, config: Config, reread: Reread) -> None:
        self.config = config
        self.reread = reread
        self.version = 1

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
        # One after the other: each builds on the policy that the other has put in force. What takes long, as compiling
        # rules does, is done outside of them, so that no block waits for it.
        turns = asyncio.Lock()
        wanted, made, written = asyncio.Event(), asyncio.Event(), asyncio.Event()
        notice = self._notice(written)
        tasks = [
            asyncio.create_task(self._reload(hung_up, turns, wanted, proxy, entrance)),
            asyncio.create_task(self._take_measures(turns, wanted, made, written, proxy)),
            asyncio.create_task(self._make_rules(turns, wanted, made, written)),
            asyncio.create_task(self._compose(turns, made, written, proxy)),
        ]
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in tasks:
            task.cancel()
        if notice is not None:
            asyncio.get_running_loop().remove_reader(notice.fd)
            notice.close()
        self.pulse.rest()
        leave(Path(self.config.state), proxy.journal.log.slot.log)
        proxy.stop()
        await proxy.emptied()
        await send({"type": "lifespan.shutdown.complete"})

    def read_again(self) -> Renewal | None:
        """Read the configuration; None: it is not fit to be used, and the log says why. Nothing has changed by that."""
        try:
            config, kept = renewed(self.config, self.reread())
            return Renewal(config, kept, decide(config, self.version + 1))
        except (SettingsError, BundleError, TlsError, OSError, ValueError) as error:
            logger.error("the configuration was read again and changes nothing: %s", error)
        except Exception:
            logger.exception("the configuration was read again and changes nothing, for it met a fault in the guard")
        return None

    def take_over(self, renewal: Renewal) -> None:
        """Go on with another configuration."""
        for key in renewal.kept:
            logger.warning("%s needs a restart to change; all else is taken over", key)
        self.config = renewal.config
        self.version += 1

    def renew(self) -> bool:
        """Both, for who starts workers: those to come begin with it. Whether the configuration is fit to be used."""
        renewal = self.read_again()
        if renewal is not None:
            self.take_over(renewal)
        return renewal is not None

    def _start(self) -> tuple[Proxy, Entrance]:
        policy, tls = decide(self.config, self.version, anew=False)
        self.watch = Watch(journal_folder(self.config), Path(self.config.state) / SNAPSHOT)
        measures = self.watch.first()
        self.rules = Rulebook(Shelf(Path(self.config.state)), self.config.rules, policy.rules)
        self.rules.start(measures.bundle)
        self.rules.keep(self.rules.compose(measures))
        self.lacking = asyncio.Event()
        policy = self._measured(policy, measures)
        journal = open_journal(self.config, policy)
        proxy = Proxy(self.config, policy, journal)
        proxy.beat = self.pulse.beat
        if sys.stderr is not None:
            faulthandler.register(LAST_WORDS)
        # From here on the loop has to turn; what comes before takes its time.
        self.pulse.beat()
        proxy.start()
        self._acknowledge(proxy)
        self._tell_unmet(measures)
        # What is loaded now lives as long as the worker: keep the collector from going through it again and again. An
        # exchange is freed by its reference counts, so the collector has little to find and may come seldom.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        return proxy, Entrance(tls, balancers(self.config, policy))

    async def _reload(
        self, hung_up: asyncio.Event, turns: asyncio.Lock, wanted: asyncio.Event, proxy: Proxy, entrance: Entrance
    ) -> None:
        """Each time the event is set, put what the configuration then says in force. Requests go on meanwhile."""
        while await hung_up.wait():
            hung_up.clear()
            renewal = await asyncio.to_thread(self.read_again)
            if renewal is None:
                proxy.tally.counts.reloads_failed += 1
                continue
            async with turns:
                self.take_over(renewal)
                policy, entrance.tls = renewal.decisions
                entrance.balancers = balancers(self.config, policy)
                measures = proxy.policy.measures
                self.rules.reconfigure(self.config.rules, policy.rules, measures.bundle)
                self._adopt(proxy, await asyncio.to_thread(self._measured, policy, measures, proxy.policy.rules))
                proxy.tally.reloaded()
            wanted.set()
            logger.info("the configuration was read again: policy %d is in force", proxy.policy.version)
            if self.rules.lacks(measures):
                logger.info("its rules are not yet: those that were added by command are compiled with them first")
            await asyncio.to_thread(self._tell_unmet, measures)
            if measures.bundle is not None:
                logger.warning(
                    "the rules are still those that were pushed (%s), NOT those in %s: `guard rules push` and "
                    "`guard rules rollback` change them", measures.bundle[:12], self.config.rules.dir,
                )  # fmt: skip

    def _notice(self, written: asyncio.Event) -> Notice | None:
        """Have the event set when the control log was written to; None: there is no such word to be had."""
        try:
            notice = Notice(lock_of(journal_folder(self.config)))
        except OSError as error:
            logger.info("measures are looked for every %g seconds, for nothing tells of them: %s", LOOK_SECONDS, error)
            return None

        def told() -> None:
            notice.take()
            written.set()

        asyncio.get_running_loop().add_reader(notice.fd, told)
        return notice

    async def _take_measures(
        self, turns: asyncio.Lock, wanted: asyncio.Event, made: asyncio.Event, written: asyncio.Event, proxy: Proxy
    ) -> None:
        """Put each measure in force that operators take, and say so; none of it waits for a request, or the reverse."""
        missed: Measures | None = None
        while True:
            if not self.watch.more:
                await _set(written, LOOK_SECONDS)
            written.clear()
            began = monotonic()
            if self.untold:
                self._acknowledge(proxy)
            async with turns:
                news = await asyncio.to_thread(self.watch.look) if self.watch.due() else None
                measures = news or missed or (proxy.policy.measures if made.is_set() else None)
                if measures is None:
                    continue
                try:
                    made.clear()
                    self.rules.want(measures.bundle)
                    self._adopt(proxy, await asyncio.to_thread(self._measured, proxy.policy, measures))
                    missed = None
                except Exception:
                    if missed is None:
                        logger.exception("measures met a fault in the guard; it is tried again")
                    missed = measures
            wanted.set()
            # However much is ordered, there is a time for requests alone; more, and orders would pile up.
            await asyncio.sleep((monotonic() - began) * REST)

    async def _make_rules(
        self, turns: asyncio.Lock, wanted: asyncio.Event, made: asyncio.Event, written: asyncio.Event
    ) -> None:
        """Make ready what was pushed, of several pushes the newest; what was not to be had is looked for again."""
        while True:
            await _set(wanted, AGAIN_SECONDS)
            wanted.clear()
            while work := self.rules.work():
                found = await asyncio.to_thread(self.rules.make, work)
                async with turns:
                    self.rules.take(work, found)
                made.set()
                written.set()

    async def _compose(self, turns: asyncio.Lock, made: asyncio.Event, written: asyncio.Event, proxy: Proxy) -> None:
        """Make ready what was added to the rules or taken out, whatever bundle is made ready meanwhile."""
        while await self.lacking.wait():
            self.lacking.clear()
            while self.rules.lacks(proxy.policy.measures):
                found = await asyncio.to_thread(self.rules.compose, proxy.policy.measures)
                async with turns:
                    self.rules.keep(found)
                made.set()
                written.set()

    def _measured(self, policy: Policy, measures: Measures, before: Bundle | None = None) -> Policy:
        """The policy with these measures. Until what was added is compiled, or if it cannot be, the rules are those of
        `before`; without it, those of the policy.
        """
        self.fault = ""
        rules = None
        try:
            rules = self.rules.rules(measures)
        except Exception as error:
            logger.error("rules that were added by command are not in force: %s", error)
            self.fault = str(error)
        if rules is None:
            rules = before if before is not None else policy.rules
        return with_measures(policy, self.config, measures, self.version + measures.version, rules)

    def _adopt(self, proxy: Proxy, policy: Policy) -> None:
        proxy.adopt(policy)
        if self.rules.lacks(policy.measures):
            self.lacking.set()
        try:
            proxy.journal.describe(custody(self.config, policy))
        except (OSError, ValueError) as error:
            logger.error("the journal is not told that policy %d is in force: %s", policy.version, error)
        self._acknowledge(proxy)

    def _tell_unmet(self, measures: Measures) -> None:
        """Say what was ordered of what the configuration does not have."""
        for sentence in unmet(measures, self.config) if self.first else ():
            logger.warning("%s", sentence)

    def _waits(self, policy: Policy) -> str:
        """Which rules are being made ready, as `Running` has it."""
        added = ADDED if self.rules.lacks(policy.measures) else ""
        return " ".join(filter(None, (added, self.rules.waits)))

    def _acknowledge(self, proxy: Proxy) -> None:
        log, policy = proxy.journal.log.slot.log, proxy.policy
        try:
            rules = self.rules
            fault = "; ".join(filter(None, (rules.fault, self.fault)))
            versions = (policy.measures.version, policy.version)
            told = Running(log, os.getpid(), *versions, fault, rules.pushed or "", self._waits(policy))
            acknowledge(Path(self.config.state), told)
            self.untold = False
        except OSError as error:
            if not self.untold:
                logger.warning("nobody is told which measures are in force, which is tried again: %s", error)
            self.untold = True


async def _set(event: asyncio.Event, seconds: float) -> None:
    """Wait until the event is set, but for no more than so many seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def _end_with_parent() -> None:
    """A worker that outlives its parent drains and ends, as the parent would have told it to."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    loop = asyncio.get_running_loop()

    def left_alone() -> None:
        loop.remove_reader(parent.sentinel)
        logger.warning("the process that started this worker is gone; it ends too")
        signal.raise_signal(signal.SIGTERM)

    loop.add_reader(parent.sentinel, left_alone)
