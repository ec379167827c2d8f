"""The admin API as an ASGI application: the table's paths, each behind the gate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from guard.admin.action import Action
from guard.admin.gate import Gate, Stream
from guard.admin.table import ACTIONS


class Path:
    """One path, with what may be done there by method."""

    def __init__(self, gate: Gate, actions: Mapping[str, Action], stream: Stream) -> None:
        self._gate = gate
        self._actions = actions
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take a call."""
        await self._gate.pass_through(self._actions, self._stream, scope, receive, send)


def make_app(gate: Gate, stream: Stream, actions: Iterable[Action] = ACTIONS) -> ASGIApp:
    """The application. What is none of the table's paths passes the gate too, and is nothing."""
    paths: dict[str, dict[str, Action]] = {}
    for action in actions:
        paths.setdefault(action.path, {})[action.method] = action
    routes = [Route(path, Path(gate, found, stream)) for path, found in paths.items()]
    return Router(routes, redirect_slashes=False, default=Path(gate, {}, stream))
