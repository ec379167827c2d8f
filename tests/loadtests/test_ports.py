"""Ports that stay free until their server has started."""

import socket
from pathlib import Path

from loadtests.ports import free_port, free_ports

TIME_WAIT = "06"


def waiting() -> set[int]:
    """The ports of this machine with a connection in TIME_WAIT at their end (proc(5), /proc/net/tcp)."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == TIME_WAIT}


def test_free_ports_differ():
    """Each is of its own."""
    assert len(set(free_ports(20))) == 20


def test_a_free_port_is_given_to_nobody_else():
    """The system keeps it back, also from who connects, and lets a server listen that names it."""
    port = free_port()
    assert port in waiting()
    with socket.create_server(("127.0.0.1", port)):
        pass
    assert port in waiting()
