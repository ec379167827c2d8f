"""Ports for servers that are to be told theirs before they start."""

import socket


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that the system gives to nobody else for a minute.

    A port that is only looked up and let go may be anybody's before the server that is to have it has started. Here
    the server's end of a connection is closed first, which leaves it in TIME_WAIT (RFC 9293, 3.6): the system chooses
    no such port for who asks for any, or connects, while a server that names it and sets SO_REUSEADDR, as servers do
    so that they can be started again, is let in.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            listener.accept()[0].close()
    return port


def free_ports(count: int) -> list[int]:
    """So many different ports, each as `free_port` gives it."""
    return [free_port() for _ in range(count)]
