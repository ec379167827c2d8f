"""Health probes on the data port: for whoever starts and stops guards, not for clients, and not in the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guard.exchange import Exchange
from guard.wire.headers import STATUS_LINES
from guard.wire.server import ServerConnection

if TYPE_CHECKING:
    from guard.proxy.proxy import Proxy

PROBES = frozenset({"/healthz", "/readyz"})


class Probe:
    """Answers ``/healthz`` (the worker runs) and ``/readyz`` (it would serve a request now)."""

    def __init__(self, proxy: Proxy, client: ServerConnection, exchange: Exchange) -> None:
        self.proxy = proxy
        self.client = client
        self.exchange = exchange

    def head(self) -> None:
        """Nothing is decided before the request is whole."""

    def request_complete(self) -> None:
        """Answer."""
        exchange = self.exchange
        if exchange.target == "/healthz":
            status, body = 200, b'{"status":"ok"}\n'
        elif self.client.draining:
            status, body = 503, b'{"status":"draining"}\n'
        elif not self.proxy.journal.ready():
            status, body = 503, b'{"status":"journal unavailable"}\n'
        else:
            status, body = 200, b'{"status":"ready","policy":%d}\n' % self.proxy.policy.version
        keep = exchange.keep_alive and exchange.complete and not self.client.draining
        self.client.write(
            b"%bcontent-type: application/json\r\ncontent-length: %d\r\n%b\r\n%b"
            % (
                STATUS_LINES[status],
                len(body),
                b"" if keep else b"connection: close\r\n",
                b"" if exchange.method == "HEAD" else body,
            )
        )
        self.client.finish(keep_alive=keep)

    def client_left(self) -> None:
        """Nothing to undo."""

    def client_paused(self) -> None:
        """The answer is too small to wait for."""

    def client_resumed(self) -> None:
        """The answer is too small to wait for."""

    def shut_down(self) -> None:
        """Nobody waits for it: the answer is given at once, or its request never came."""
