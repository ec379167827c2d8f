"""The only file that builds everything: configuration to policy, journal, proxy, and the server they run under."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import signal
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.supervisors import Multiprocess

from guard.config import Config
from guard.journal.writer import Journal
from guard.policy.clients import load_salt
from guard.policy.policy import Policy, build
from guard.proxy.proxy import Proxy
from guard.ruleset.bundle import load as load_rules
from guard.wire.address import parse_listen
from guard.wire.server import ServerConnection

logger = logging.getLogger("guard")

BACKLOG = 2_048
GC_THRESHOLDS = (20_000, 20, 50)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class StartError(Exception):
    """The guard cannot start; the message says why and what to do."""


class Worker:
    """A data worker, as uvicorn sees it: an application that only starts and stops, for requests never reach ASGI."""

    def __init__(self, config: Config, policy: Policy | None) -> None:
        """With `policy` None the worker builds its own, as one in a process of its own must."""
        self.config = config
        self.policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak ASGI's lifespan protocol: build the proxy at startup, end what is open at shutdown."""
        await receive()
        proxy = self._start()
        scope["state"]["service"] = proxy
        await send({"type": "lifespan.startup.complete"})
        await receive()
        proxy.stop()
        await proxy.emptied()
        await send({"type": "lifespan.shutdown.complete"})

    def _start(self) -> Proxy:
        journal = Journal(journal_folder(self.config), f"w{os.getpid()}", asyncio.get_running_loop())
        proxy = Proxy(self.config, self.policy or make_policy(self.config), journal)
        proxy.start()
        # What is loaded now lives as long as the worker: keep the collector from going through it again and again. An
        # exchange is freed by its reference counts, so the collector has little to find and may come seldom.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        return proxy


def make_policy(config: Config) -> Policy:
    """Build the policy that the configuration and its rules state.

    Raises:
        BundleError: the rules are not fit to be used; it names every error.
        OSError, ValueError: the state folder cannot be used.
    """
    directory = Path(config.rules.dir) if config.rules.dir is not None else None
    rules = load_rules(directory, engine=config.rules.engine, hold_back=config.rules.hold_back)
    return build(config, rules, load_salt(Path(config.state)))


def journal_folder(config: Config) -> Path:
    """Where the journal's files are."""
    return Path(config.state) / config.journal.dir


def serve(config: Config, *, ready: Callable[[str], None]) -> int:
    """Run the guard until it is told to stop (SIGTERM or SIGINT); returns the exit code.

    `ready` is called with the URL of the data listener when its socket is open.

    Raises:
        StartError: it cannot start.
        BundleError: the rules are not fit to be used.
    """
    try:
        policy = make_policy(config)
        journal_folder(config).mkdir(parents=True, exist_ok=True, mode=0o700)
    except (OSError, ValueError) as error:
        raise StartError(f"the state folder cannot be used: {error}") from error
    _allow_descriptors()
    listener = _bind(config.data.listen)
    server_config = uvicorn.Config(
        Worker(config, policy if config.data.workers == 1 else None),
        http=ServerConnection,
        ws="none",
        interface="asgi3",
        lifespan="on",
        workers=config.data.workers,
        backlog=BACKLOG,
        timeout_graceful_shutdown=max(round(config.data.drain_timeout), 1),
        proxy_headers=False,
        server_header=False,
        date_header=False,
        access_log=False,
        log_config=None,
    )
    ready(_url(listener))
    if config.data.workers == 1:
        server = _Server(server_config)
        server.run(sockets=[listener])
        return 0 if server.started else 1
    Multiprocess(server_config, sockets=[listener]).run()
    return 0


class _Server(uvicorn.Server):
    """Takes a signal as the wish to stop, which is then granted: the process ends with 0, not as if it were killed."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 -- uvicorn's signature
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


def _allow_descriptors() -> None:
    """Each connection is a descriptor, and the usual soft limit of 1,024 is for programs that still use select."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with suppress(ValueError, OSError):  # some systems have a lower bound than they say
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


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


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
