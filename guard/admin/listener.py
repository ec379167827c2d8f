"""The admin listener: opened as soon as its address can be had, and served until the end."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import uvicorn
from starlette.types import ASGIApp

from guard.admin.connection import AdminConnection
from guard.admin.hosts import bracketed
from guard.config import Admin, Tls
from guard.wire.address import parse_listen
from guard.wire.tls import TlsError, server_context

RETRY_SECONDS = 2.0
KEEP_ALIVE_SECONDS = 30
END_SECONDS = 2
HEAD_BYTES = 32_768
BACKLOG = 256

logger = logging.getLogger("guard.admin")


class _Server(uvicorn.Server):
    """Leaves signals alone: this process ends when its standard input does."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing is captured."""
        yield


class Listener:
    """Serves an application at an address. `ready` is called with the URL each time that it is open."""

    def __init__(self, admin: Admin, app: ASGIApp, ready: Callable[[str], None]) -> None:
        self._admin = admin
        self._app = app
        self._ready = ready
        self._server: uvicorn.Server | None = None
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Serve until `end`; where the address cannot be had it is said once, and tried again and again."""
        told = ""
        while not self._ended.is_set():
            try:
                config, listener = self._config(), self._bind()
            except (OSError, TlsError) as error:
                why = os.strerror(error.errno).lower() if isinstance(error, OSError) and error.errno else str(error)
                if why != told:
                    logger.error(
                        "the admin API cannot listen on %s, and it is tried again: %s; requests and `guard` commands on"
                        " this machine go on", self._admin.listen, why,
                    )  # fmt: skip
                told = why
                await self._pause()
                continue
            told = ""
            self._server = _Server(config)
            self._ready(_url(listener, config.is_ssl))
            await self._server.serve(sockets=[listener])

    def end(self) -> None:
        """Let what is under way end, and take no more."""
        self._ended.set()
        if self._server is not None:
            self._server.should_exit = True

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), RETRY_SECONDS)

    def _config(self) -> uvicorn.Config:
        files = self._admin.tls
        try:
            context = server_context(Tls(certificate=files.certificate, key=files.key))
        except TlsError as error:
            raise error.of("admin") from None
        config = uvicorn.Config(
            self._app,
            http=AdminConnection,
            ws="none",
            interface="asgi3",
            lifespan="off",
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_config=None,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=END_SECONDS,
            h11_max_incomplete_event_size=HEAD_BYTES,
            ssl_certfile=files.certificate if context is not None else None,
            ssl_keyfile=files.key if context is not None else None,
        )
        config.load()
        config.ssl = context
        return config

    def _bind(self) -> socket.socket:
        assert self._admin.listen is not None
        host, port = parse_listen(self._admin.listen)
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)


def _url(listener: socket.socket, is_tls: bool) -> str:
    """Where this machine's own commands find it."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  that is what is replaced
    return f"{'https' if is_tls else 'http'}://{bracketed(host)}:{port}"
