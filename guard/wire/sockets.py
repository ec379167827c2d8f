"""What the kernel knows of a connection and asyncio does not tell."""

from __future__ import annotations

import asyncio
import os
import select
import socket
import struct
import sys
from contextlib import suppress
from fcntl import ioctl
from termios import TIOCOUTQ

from guard.wire.address import plain_address

NO_LINGER = struct.pack("ii", 1, 0)  # on, for no seconds: closing such a socket resets it (POSIX)
# Only Linux has the event of a peer that has left while its last bytes are unread; elsewhere a reset is told at least.
LEFT = getattr(select, "POLLRDHUP", 0)


def peer_address(transport: asyncio.BaseTransport) -> str:
    """The address that the peer has; empty where it has none (a Unix socket, or it has left already)."""
    peer = transport.get_extra_info("peername")
    return plain_address(peer[0]) if peer else ""


def unsent_bytes(transport: asyncio.Transport) -> int:
    """How many bytes the peer has not taken yet, in the transport's buffer and in the kernel's."""
    try:
        queued = ioctl(_descriptor(transport), TIOCOUTQ, bytes(4))
    except (OSError, ValueError):  # closed, or no TCP socket
        queued = bytes(4)
    return transport.get_write_buffer_size() + int.from_bytes(queued, sys.byteorder)


def peer_has_left(transport: asyncio.Transport) -> bool:
    """Whether the peer has closed or reset the connection, seen also where nothing is read from it for now."""
    events = select.poll()
    try:
        events.register(_descriptor(transport), LEFT)
    except ValueError:  # closed on this side already
        return True
    return bool(events.poll(0))


def reset(transport: asyncio.Transport) -> None:
    """Break the connection off: the peer gets no more of what it has not taken yet, and sees an error, not an end.

    A close would have the kernel send what it holds, for minutes if need be, and then say that this was all.
    """
    if not transport.is_closing() or transport.get_write_buffer_size():
        with suppress(OSError, ValueError), socket.socket(fileno=os.dup(_descriptor(transport))) as same:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    transport.abort()


def _descriptor(transport: asyncio.Transport) -> int:
    descriptor: int = transport.get_extra_info("socket").fileno()
    return descriptor
