"""Serving the bundled model: a socket, uvicorn, and one line when it is ready."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from guard.model.app import Model
from guard.wire.address import Listen


class _Server(uvicorn.Server):
    """Uvicorn that says when it accepts connections."""

    ready: Callable[[], None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready()


def serve(model: Model, listen: Listen, announce: Callable[[str], None], port_file: Path | None = None) -> None:
    """Serve until SIGTERM or SIGINT; `announce` is given the address (``host:port``) once it is open.

    Raises:
        OSError: the address cannot be listened on, or the port file not written.
    """
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    with socket.create_server((listen.host, listen.port), family=family, backlog=1024) as listener:
        port = listener.getsockname()[1]
        host = f"[{listen.host}]" if family == socket.AF_INET6 else listen.host

        def ready() -> None:
            if port_file is not None:
                port_file.write_text(f"{port}\n")
            announce(f"{host}:{port}")

        config = uvicorn.Config(
            model.app(), log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=1
        )
        server = _Server(config)
        server.ready = ready
        server.run(sockets=[listener])
