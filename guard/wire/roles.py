"""Who stands behind the wire: what connections call, on the client's side and on the model's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from guard.config import Http
from guard.exchange import Exchange

if TYPE_CHECKING:
    from guard.wire.crowd import Crowd
    from guard.wire.head import AnswerHead
    from guard.wire.server import ServerConnection
    from guard.wire.switched import Switched
    from guard.wire.upstream import UpstreamConnection


class Handler(Protocol):
    """What meets one exchange behind the wire."""

    def head(self) -> None:
        """The request's head is there: decide what can be decided without the body."""

    def request_complete(self) -> None:
        """The whole request is there, or as much of it as an exchange with a refusal will get."""

    def client_left(self) -> None:
        """The connection is gone; nothing can be answered any more."""

    def client_paused(self) -> None:
        """The client reads more slowly than it is written to: hold the model's answer."""

    def client_resumed(self) -> None:
        """The client has caught up."""

    def shut_down(self) -> None:
        """The drain window is over: end the exchange now."""


class Tunnel(Handler, Protocol):
    """What meets an exchange after which the connection is no HTTP any more."""

    def client_data(self, data: bytes) -> None:
        """Bytes from the client."""


class Service(Protocol):
    """What a worker offers to its connections."""

    http: Http
    connections: set[ServerConnection]
    crowd: Crowd

    def open(self, connection: ServerConnection, exchange: Exchange) -> Handler:
        """Give the handler of a new exchange."""

    def upgrade(self, connection: ServerConnection, exchange: Exchange) -> Tunnel:
        """Give the handler of a new exchange that asks for a WebSocket."""


class Receiver(Protocol):
    """What takes a model's answer as it comes. `gradual`: so much work that others shall have their turn in between."""

    @property
    def gradual(self) -> bool: ...

    def answer_interim(self, status: int, head: AnswerHead) -> None:
        """The head of an answer ahead of the final one (a 1xx other than 100 and 101)."""

    def answer_head(self, status: int, head: AnswerHead, length: bytes | None) -> None:
        """The head of the final answer (never a 1xx)."""

    def answer_body(self, data: bytes) -> None:
        """Some of the body, its transfer coding removed."""

    def answer_end(self, *, told: bool) -> None:
        """The answer is whole; not `told`: nothing says so but the close of the connection (RFC 9112, section 8)."""

    def upstream_failed(self, error: str, *, reached: bool) -> None:
        """No (more) answer will come; `reached`: the request may have been seen by the model."""


class Upgrader(Receiver, Protocol):
    """What takes the answer to a request for another protocol, which may be an ordinary one."""

    def switched(self, connection: UpstreamConnection, head: AnswerHead) -> Switched | None:
        """The model agrees (101): give what the connection's bytes are for from now on; None to give it up."""
