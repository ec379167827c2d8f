"""A loop in virtual time: when nobody has anything to do it is at once the time at which somebody has.

So a story of minutes takes a second, and goes the same way however busy the machine is. Whoever acts in it can be
frozen, or die, between any two of its callbacks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from functools import partial
from selectors import SelectSelector
from typing import Any, TypeVarTuple

Ts = TypeVarTuple("Ts")

_acting: ContextVar[Actor] = ContextVar("acting")


class Actor:
    """Somebody with callbacks of its own: all that comes of what it does.

    Attributes:
        is_alive: whether it was not killed.
        frozen: what it would have done since it was frozen; None: it runs.
    """

    def __init__(self) -> None:
        self.is_alive = True
        self.frozen: list[Callable[[], object]] | None = None
        self.context = copy_context()
        self.context.run(_acting.set, self)

    def do(self, what: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Have it do this."""
        return asyncio.get_running_loop().create_task(what, context=self.context)

    def freeze(self) -> None:
        """It does nothing from now on."""
        self.frozen = []

    def thaw(self) -> None:
        """It does at once what it would have done meanwhile."""
        steps, self.frozen = self.frozen or [], None
        for step in steps:
            step()

    def kill(self) -> None:
        """End it at any point: nothing comes to it any more."""
        self.is_alive = False

    def revive(self) -> None:
        """Let it run again; so its tasks can end."""
        self.is_alive, self.frozen = True, None


class _Step:
    """A callback of an actor: it waits while that is frozen, and is never called when that is dead."""

    def __init__(self, actor: Actor, callback: Any, context: Context) -> None:
        self.actor = actor
        self.callback = callback
        self.context = context
        self.handle: Any = None

    def __call__(self, *args: Any) -> None:
        if self.actor.frozen is not None:
            loop = asyncio.get_running_loop()
            self.actor.frozen.append(lambda: loop.call_soon(self, *args, context=self.context))
        elif self.actor.is_alive and not self.handle.cancelled():
            self.callback(*args)


class _Leap(SelectSelector):
    """Waits for nothing."""

    now = 1_000.0

    def select(self, timeout=None):
        assert timeout is not None, "everybody waits for somebody else"
        self.now += max(timeout, 0.0)
        return []


class Loop(asyncio.SelectorEventLoop):
    """A loop that knows whose each callback is."""

    def __init__(self) -> None:
        self._leap = _Leap()
        super().__init__(self._leap)

    def time(self) -> float:
        return self._leap.now

    def call_soon(self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None) -> Any:
        return _noted(super().call_soon, callback, args, context)

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> Any:
        return _noted(partial(super().call_at, when), callback, args, context)


def _noted(call, callback, args, context):
    """The handle of a callback that is called as somebody's step, if it is anybody's."""
    context = context or copy_context()
    actor = context.get(_acting)
    if actor is None or isinstance(callback, _Step):
        return call(callback, *args, context=context)
    step = _Step(actor, callback, context)
    step.handle = call(step, *args, context=context)
    return step.handle
