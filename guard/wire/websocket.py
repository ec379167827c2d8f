"""Frames of a WebSocket (RFC 6455, section 5), without a socket: bytes to whole messages under bounds, and back.

wsproto reads the frames, for it is the stricter of the libraries: besides what section 5 lists it refuses lengths that
are not written in their shortest form, and reserved bits and oversized control frames before their payload has come.
"""

from __future__ import annotations

from typing import NamedTuple

from wsproto import events
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.frame_protocol import CloseReason

MAX_FRAGMENTS = 1_024
CLIENT = ConnectionType.CLIENT
SERVER = ConnectionType.SERVER
NO_CODE = int(CloseReason.NO_STATUS_RCVD)
TOO_LARGE = int(CloseReason.MESSAGE_TOO_BIG)


class Message(NamedTuple):
    """A whole message; `text`: it is one of text, and then valid UTF-8."""

    content: bytes
    text: bool

    @property
    def legible(self) -> bool:
        """Whether it is one of text, or a binary one that holds text."""
        if self.text:
            return True
        try:
            self.content.decode()
        except UnicodeDecodeError:
            return False
        return True


class Ping(NamedTuple):
    """A ping, to be answered with the same payload."""

    payload: bytes


class Pong(NamedTuple):
    """A sign of life."""


class Close(NamedTuple):
    """The peer closes; `code` is 1005 where it gives none."""

    code: int
    reason: str


class Violation(Exception):
    """The peer breaks the protocol, or a bound; `code` is what the connection must be closed with."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Codec:
    """One end of an open WebSocket. `side` is the guard's: SERVER before a client, CLIENT before a model."""

    def __init__(self, side: ConnectionType, limit: int) -> None:
        """`limit`: bytes that one message of the peer may have."""
        self.limit = limit
        self.over = False
        self._connection = Connection(side)
        self._content = bytearray()
        self._fragments = 0

    def feed(self, data: bytes) -> None:
        """Take bytes; `next` gives what they hold."""
        if not self.over:
            self._connection.receive_data(data)

    def next(self) -> Message | Ping | Pong | Close | None:
        """What came next; None when more bytes are needed, or nothing more can come.

        Raises:
            Violation: the peer is not to be listened to any more.
        """
        while not self.over:
            event = next(self._connection.events(), None)
            match event:
                case events.TextMessage() | events.BytesMessage():
                    if (message := self._gather(event)) is not None:
                        return message
                case events.Ping():
                    return Ping(bytes(event.payload))
                case events.Pong():
                    return Pong()
                case events.CloseConnection():
                    return self._closed(event)
                case _:
                    break
        return None

    def message(self, message: Message) -> bytes:
        """The bytes of a whole message in one frame."""
        if message.text:
            return self._connection.send(events.TextMessage(data=message.content.decode()))
        return self._connection.send(events.BytesMessage(data=message.content))

    def ping(self) -> bytes:
        """The bytes of a ping."""
        return self._connection.send(events.Ping())

    def pong(self, ping: Ping) -> bytes:
        """The bytes that answer a ping."""
        return self._connection.send(events.Pong(payload=ping.payload))

    def close(self, code: int, reason: str) -> bytes:
        """The bytes that close the connection; a long reason is cut to what fits."""
        if self._connection.state not in (ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING):
            return b""
        if code == NO_CODE:
            # wsproto takes the code's own object only, and would write 1000 for the number.
            return self._connection.send(events.CloseConnection(code=CloseReason.NO_STATUS_RCVD))
        return self._connection.send(events.CloseConnection(code=code, reason=reason))

    # Within.

    def _gather(self, event: events.TextMessage | events.BytesMessage) -> Message | None:
        text = isinstance(event, events.TextMessage)
        self._content += event.data.encode() if isinstance(event, events.TextMessage) else event.data
        if len(self._content) > self.limit:
            self._fail(TOO_LARGE, f"a message is over {self.limit} bytes")
        if not event.message_finished:
            self._fragments += event.frame_finished
            if self._fragments > MAX_FRAGMENTS:
                self._fail(TOO_LARGE, f"a message has more than {MAX_FRAGMENTS} fragments")
            return None
        content, self._content = bytes(self._content), bytearray()
        self._fragments = 0
        return Message(content, text)

    def _closed(self, event: events.CloseConnection) -> Close:
        # wsproto words a violation as the close that it deserves, without having been closed.
        if self._connection.state is ConnectionState.OPEN:
            self._fail(int(event.code), event.reason or "a frame is malformed")
        self.over = True
        return Close(int(event.code), event.reason or "")

    def _fail(self, code: int, message: str) -> None:
        self.over = True
        self._content = bytearray()
        raise Violation(code, message)
