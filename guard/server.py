"""uvicorn's server, which resets nobody when it closes its listener."""

from __future__ import annotations

import asyncio
from functools import partial
from socket import socket
from typing import Any

import uvicorn


class Server(uvicorn.Server):
    """Lets in who has connected by the time that it ends.

    The kernel completes connections before they are accepted, and resets those that still wait when the last process
    that listens closes the listener. Their clients have done nothing wrong, and may have sent a request already.
    """

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Accept what waits, close the listeners in the same turn of the loop, and go on as ever."""
        waiting = [peer for listener in sockets or [] for peer in _waiting(listener, self.config.backlog)]
        late = [asyncio.create_task(self._let_in(peer)) for peer in waiting]
        await super().shutdown(sockets)
        await asyncio.gather(*late, return_exceptions=True)

    async def _let_in(self, peer: socket) -> None:
        # As uvicorn makes one of whom it accepts.
        make: Any = self.config.http_protocol_class
        _, connection = await asyncio.get_running_loop().connect_accepted_socket(
            partial(make, self.config, self.server_state, self.lifespan.state), peer
        )
        connection.shutdown()


def _waiting(listener: socket, most: int) -> list[socket]:
    """Those that have connected and are not accepted yet; at most so many, for others may come without end."""
    peers: list[socket] = []
    listener.setblocking(False)
    for _ in range(most):
        try:
            peers.append(listener.accept()[0])
        except ConnectionAbortedError:
            continue
        except OSError:  # there are no more, or no descriptors for them
            break
    return peers
