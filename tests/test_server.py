"""The server's end, with clients that have connected and are not accepted yet."""

import asyncio
import errno
import socket

import uvicorn

from guard.server import Server


class Upper(asyncio.Protocol):
    """Answers a word in capitals; it may be told to shut down before, and then closes after its answer."""

    def __init__(self, config, server_state, app_state, _loop=None):  # noqa: ARG002 -- what uvicorn gives
        self.state = server_state
        self.draining = False

    def connection_made(self, transport):
        self.transport = transport
        self.state.connections.add(self)

    def connection_lost(self, exc):  # noqa: ARG002 -- what asyncio gives
        self.state.connections.discard(self)

    def data_received(self, data):
        self.transport.write(data.upper())
        if self.draining:
            self.transport.close()

    def shutdown(self):
        self.draining = True


async def test_who_has_connected_when_it_ends_is_answered():
    """Also those that no turn of the loop has let in, whom the listener's close would reset; others are refused."""

    async def app(scope, receive, send):  # never called: the protocol answers by itself
        raise NotImplementedError

    config = uvicorn.Config(app, http=Upper, lifespan="off", log_config=None, timeout_graceful_shutdown=5)
    config.load()
    server = Server(config)
    server.lifespan = config.lifespan_class(config)
    listener = socket.create_server(("127.0.0.1", 0), backlog=50)
    address = listener.getsockname()
    await server.startup([listener])
    # No turn of the loop comes between these and the end.
    clients = [socket.create_connection(address) for _ in range(20)]
    for client in clients[:10]:
        client.sendall(b"early")
    ending = asyncio.create_task(server.shutdown([listener]))
    await asyncio.sleep(0)
    for client in clients[10:]:
        client.sendall(b"late")
    answers = await asyncio.gather(*(asyncio.to_thread(client.recv, 9) for client in clients))
    assert answers == [b"EARLY"] * 10 + [b"LATE"] * 10
    with socket.socket() as another:
        assert another.connect_ex(address) == errno.ECONNREFUSED
    await ending
    assert not server.server_state.connections
    for client in clients:
        client.close()
