"""The stream of changes, as server-sent events: each change as it is made, from a version on.

A stream keeps no queue: it knows how far it has come, and reads on from there. So one that is slow, or was away, misses
nothing, and holds up nobody.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from guard.admin.call import Call
from guard.admin.history import shown
from guard.admin.problem import Problem, unfit
from guard.control.desk import Desk
from guard.control.history import since
from guard.custody.control import ControlError
from guard.custody.rulings import version_of

LOOK_SECONDS = 0.05
BEAT_SECONDS = 15.0
MOST_STREAMS = 64
MOST_STREAMS_EACH = 8
BATCH = 100

Still = Callable[[Call], Awaitable[bool]]

logger = logging.getLogger("guard.admin")


class Events:
    """All streams that are open. `still` says whether a caller may still have theirs."""

    def __init__(self, desk: Desk, still: Still) -> None:
        self._desk = desk
        self._still = still
        self._version = 0
        self._open: Counter[str] = Counter()
        self._news = asyncio.Event()
        self._closed = False

    async def watch(self) -> None:
        """Look for changes, and wake the streams."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self._open.total() and await asyncio.to_thread(self._grown):
                self._wake()

    def close(self) -> None:
        """End all streams."""
        self._closed = True
        self._wake()

    @contextmanager
    def admitted(self, who: str) -> Iterator[None]:
        """Count a stream of somebody's for as long as the context lasts: from before anything is waited for, so that
        those that come at once are not one too many.

        Raises:
            Problem: there are too many.
        """
        if self._open.total() >= MOST_STREAMS or self._open[who] >= MOST_STREAMS_EACH:
            raise Problem(429, "streams", "as many streams are open as may", headers={"retry-after": "5"})
        self._open[who] += 1
        try:
            yield
        finally:
            self._open[who] -= 1
            self._open = +self._open  # forgets who has none

    def begin(self, call: Call) -> int:
        """The id behind which a call's stream begins, which is how many records the log has with it.

        Raises:
            Problem: it says none.
        """
        with call.desk.state() as state:
            version = state.version
        last = call.headers.get("last-event-id")
        if last is None:
            return version if call.query.after is None else min(call.query.after, version)
        if not last.isdecimal() or len(last) > 18:
            raise unfit("header.last-event-id", "it is no id of this stream", "a version", status=400)
        return min(int(last), version)

    async def stream(self, call: Call, after: int, receive: Receive, send: Send) -> None:
        """Send changes until the caller leaves, may no more, or this process ends."""
        # No version is higher than how many records there are with it.
        floor = 0 if "last-event-id" in call.headers else call.query.after or 0
        left = asyncio.ensure_future(_gone(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            while not (self._closed or left.done()) and await self._still(call):
                news = self._news
                after = await self._pass_on(after, floor, send)
                beat = asyncio.ensure_future(news.wait())
                await asyncio.wait((beat, left), timeout=BEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                if not beat.done():
                    beat.cancel()
                    await send({"type": "http.response.body", "body": b": beat\n\n", "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            left.cancel()
            with suppress(asyncio.CancelledError):
                await left

    async def _pass_on(self, after: int, floor: int, send: Send) -> int:
        """Send what is behind an id, but for what has a version no higher than `floor`; returns the last id."""
        while True:
            try:
                records = await asyncio.to_thread(since, self._desk.journal, after, BATCH)
            except (ControlError, OSError) as error:
                logger.error("changes cannot be told: %s", error)
                return after
            if records:
                after = records[-1]["seq"] + 1
                body = b"".join(_event(record) for record in records if version_of(record) > floor)
                if body:
                    await send({"type": "http.response.body", "body": body, "more_body": True})
            elif after == 0:
                # Something is to be sent at once, so that the caller sees that the stream is there.
                await send({"type": "http.response.body", "body": b": begun\n\n", "more_body": True})
            if len(records) < BATCH:
                return after

    def _grown(self) -> bool:
        try:
            with self._desk.state() as state:
                before, self._version = self._version, state.version
        except (ControlError, OSError):
            return True  # the streams tell
        return self._version != before

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
]


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _event(record: dict[str, Any]) -> bytes:
    return b"id: %d\nevent: change\ndata: %b\n\n" % (record["seq"] + 1, orjson.dumps(shown(record)))


def streaming(events: Events) -> Callable[[Call, Scope, Receive, Send], Awaitable[None]]:
    """What serves the one call of the table that is a stream."""

    async def stream(call: Call, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001  ASGI's shape
        with events.admitted(call.who.name):
            after = await asyncio.to_thread(events.begin, call)
            await events.stream(call, after, receive, send)

    return stream
