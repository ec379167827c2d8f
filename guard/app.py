"""The only file that builds everything: configuration to policy, journal, proxy, and the server they run under."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import hmac
import logging
import multiprocessing
import os
import resource
import signal
import socket
import ssl
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import msgspec
import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from guard.config import Config
from guard.journal.slot import claim
from guard.journal.writer import Journal
from guard.keeper.attendant import Attendant
from guard.keeper.orders import orders
from guard.policy.clients import load_salt
from guard.policy.policy import Policy, build
from guard.proof.node import node_name
from guard.proxy.proxy import Proxy
from guard.ruleset.bundle import BundleError
from guard.ruleset.bundle import load as load_rules
from guard.settings import SettingsError
from guard.settings.renewal import renewed
from guard.wire.address import Networks, parse_listen
from guard.wire.preface import Entrance, Preface
from guard.wire.server import ServerConnection
from guard.wire.tls import TlsError, server_context

logger = logging.getLogger("guard")

BACKLOG = 2_048
GC_THRESHOLDS = (20_000, 20, 50)

# To stderr: all that is worth a warning, and what the guard itself does on an operator's word. What connections tell
# (`guard.wire`) is not for every peer to fill a disk with.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"level": "WARNING", "handlers": ["stderr"]},
    "loggers": {"guard": {"level": "INFO"}, "guard.wire": {"level": "WARNING"}},
}

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Reread = Callable[[], Config]


class StartError(Exception):
    """The guard cannot start; the message says why and what to do."""


class Decisions(NamedTuple):
    """What one reading of the configuration comes to, as far as it can change while the guard runs."""

    policy: Policy
    tls: ssl.SSLContext | None


class Worker:
    """A data worker, as uvicorn sees it: an application that only starts and stops, for requests never reach ASGI.

    Attributes:
        config: what is in force. A worker that is started later begins with it.
        reread: reads the configuration again; SIGHUP asks for that.
        version: of the policy in force.
    """

    def __init__(self, config: Config, reread: Reread, decisions: Decisions | None) -> None:
        """With `decisions` None the worker makes its own, as one in a process of its own must."""
        self.config = config
        self.reread = reread
        self.decisions = decisions
        self.version = 1

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak ASGI's lifespan protocol: build the proxy at startup, end what is open at shutdown."""
        await receive()
        try:
            proxy, entrance = self._start()
        except (BundleError, TlsError, OSError, ValueError) as error:
            logger.error("the guard cannot start: %s", error)
            await send({"type": "lifespan.startup.failed"})
            return
        scope["state"].update(service=proxy, entrance=entrance)
        hung_up = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hung_up.set)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
        _end_with_parent()
        reloading = asyncio.create_task(self._reload(hung_up, proxy, entrance))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        reloading.cancel()
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
        journal = open_journal(self.config, policy)
        proxy = Proxy(self.config, policy, journal)
        proxy.start()
        # What is loaded now lives as long as the worker: keep the collector from going through it again and again. An
        # exchange is freed by its reference counts, so the collector has little to find and may come seldom.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        return proxy, Entrance(tls, balancers(self.config, policy))

    async def _reload(self, hung_up: asyncio.Event, proxy: Proxy, entrance: Entrance) -> None:
        """Each time the event is set, put what the configuration then says in force. Requests go on meanwhile."""
        while await hung_up.wait():
            hung_up.clear()
            decisions = await asyncio.to_thread(self.renew)
            if decisions is not None:
                policy, entrance.tls = decisions
                entrance.balancers = balancers(self.config, policy)
                proxy.adopt(policy)
                proxy.journal.describe(custody(self.config, policy))
                logger.info("the configuration was read again: policy %d is in force", policy.version)


def decide(config: Config, version: int = 1) -> Decisions:
    """Build what a configuration, its rules and its certificates state.

    Raises:
        BundleError: the rules are not fit to be used; it names every error.
        TlsError: the certificates are not.
        OSError, ValueError: the state folder cannot be used.
    """
    return Decisions(make_policy(config, version), server_context(config.data.tls))


def make_policy(config: Config, version: int = 1) -> Policy:
    """Build the policy that the configuration and its rules state.

    Raises:
        BundleError: the rules are not fit to be used; it names every error.
        OSError, ValueError: the state folder cannot be used.
    """
    directory = Path(config.rules.dir) if config.rules.dir is not None else None
    rules = load_rules(directory, engine=config.rules.engine, hold_back=config.rules.hold_back)
    return build(config, rules, load_salt(Path(config.state)), version)


def open_journal(config: Config, policy: Policy) -> Journal:
    """Begin to write a log of one's own, in the running loop.

    Raises:
        OSError, ValueError: the journal or the state folder cannot be used.
    """
    slot = claim(journal_folder(config))
    return Journal(slot, config.journal, asyncio.get_running_loop(), custody(config, policy))


def custody(config: Config, policy: Policy) -> dict[str, Any]:
    """What the journal says of the guard that writes it: the node, and what it was told to do, as hashes.

    That of the configuration is keyed, because secrets are in it: the same on one installation for the same words.
    """
    state = Path(config.state)
    key = load_salt(state)
    words = msgspec.json.encode(config, order="sorted")
    digest = hmac.new(key, b"configuration\0" + words, hashlib.sha256).hexdigest()
    return {"node": node_name(state), "config": digest, "rules": policy.rules.hash, "policy": policy.version}


def balancers(config: Config, policy: Policy) -> Networks | None:
    """Who begins connections with a PROXY header."""
    return policy.trusted_proxies if config.data.proxy_protocol else None


def protocol(config: Config) -> type[asyncio.Protocol]:
    """What a connection to the data listener begins as: at once with HTTP where nothing comes before it."""
    bare = config.data.tls.certificate is None and not config.data.proxy_protocol
    return ServerConnection if bare else Preface


def journal_folder(config: Config) -> Path:
    """Where the journal's files are."""
    return Path(config.state) / config.journal.dir


def serve(config: Config, *, ready: Callable[[str], None], reread: Reread) -> int:
    """Run the guard until it is told to stop (SIGTERM or SIGINT); returns the exit code.

    `ready` is called with the URL of the data listener when its socket is open, `reread` (which is pickled for several
    workers) when SIGHUP says that the configuration has changed.

    Raises:
        StartError: it cannot start.
        BundleError: the rules are not fit to be used.
    """
    try:
        decisions = decide(config)
        journal_folder(config).mkdir(parents=True, exist_ok=True, mode=0o700)
    except TlsError as error:
        raise StartError(str(error)) from error
    except (OSError, ValueError) as error:
        raise StartError(f"the state folder cannot be used: {error}") from error
    _allow_descriptors()
    data = config.data
    listener = _bind(data.listen)
    server_config = uvicorn.Config(
        Worker(config, reread, decisions if data.workers == 1 else None),
        http=protocol(config),
        ws="none",
        interface="asgi3",
        lifespan="on",
        workers=data.workers,
        backlog=BACKLOG,
        timeout_graceful_shutdown=max(round(data.drain_timeout), 1),
        proxy_headers=False,
        server_header=False,
        date_header=False,
        access_log=False,
        log_config=LOGGING,
    )
    # What it says before somebody listens to it waits; processes that are started begin so too.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    ready(_url(listener, "http" if decisions.tls is None else "https"))
    # Its end comes after that of the workers, so that it signs for their last records too.
    with Attendant(orders(config)):
        if data.workers == 1:
            server = _Server(server_config)
            server.run(sockets=[listener])
            return 0 if server.started else 1
        workers = _Workers(server_config, sockets=[listener])
        workers.run()
        return 1 if any(process.exitcode == STARTUP_FAILURE for process in workers.processes) else 0


class _Server(uvicorn.Server):
    """Takes a signal as the wish to stop, which is then granted: the process ends with 0, not as if it were killed."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 -- uvicorn's signature
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


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


def _allow_descriptors() -> None:
    """Each connection is a descriptor, and the usual soft limit of 1,024 is for programs that still use select."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with suppress(ValueError, OSError):  # some systems have a lower bound than they say
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class _Workers(Multiprocess):
    """Takes SIGHUP as the wish to read the configuration again; uvicorn would start each worker anew."""

    def handle_signals(self) -> None:
        """Called several times a second."""
        if signal.SIGHUP in signal.sigpending():
            signal.sigwait({signal.SIGHUP})
            self._reload()
        super().handle_signals()

    def _reload(self) -> None:
        """Have the workers read it if it is fit to be used; those that are started later begin with it."""
        worker = self.config.app
        assert isinstance(worker, Worker)
        if worker.renew() is not None:
            for process in self.processes:
                if process.process.is_alive() and process.pid is not None:
                    os.kill(process.pid, signal.SIGHUP)


def _bind(listen: str) -> socket.socket:
    """Open the data listener; who connects before the workers are up waits in its queue."""
    host, port = parse_listen(listen)
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        raise StartError(
            f"cannot listen on {listen}: {os.strerror(error.errno or 0).lower()}; is another guard running there?"
        ) from error
    listener.set_inheritable(True)
    return listener


def _url(listener: socket.socket, scheme: str) -> str:
    host, port = listener.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
