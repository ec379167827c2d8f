"""The admin API at its address, from beginning to end: the parts put together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from guard.admin.app import make_app
from guard.admin.audit import Audit
from guard.admin.events import Events, streaming
from guard.admin.gate import Gate
from guard.admin.hosts import known_hosts
from guard.admin.listener import Listener
from guard.admin.operators import digest
from guard.control.desk import Desk


async def serve(desk: Desk, audit: Audit, token: str, ready: Callable[[str], None], ended: asyncio.Event) -> None:
    """Serve until it has ended. `token` is this machine's own; `ready` is called with the URL when it is open."""
    admin = desk.config.admin
    assert admin.listen is not None
    gate = Gate(desk, audit, known_hosts(admin.listen, admin.hosts), digest(token))
    events = Events(desk, gate.still)
    listener = Listener(admin, make_app(gate, streaming(events)), ready)
    tasks = [asyncio.create_task(one) for one in (listener.run(), events.watch(), ended.wait())]
    serving, watching, waiting = tasks
    try:
        await asyncio.wait((serving, waiting), return_when=asyncio.FIRST_COMPLETED)
    finally:
        events.close()
        listener.end()
        for task in (watching, waiting):
            task.cancel()
        with suppress(asyncio.CancelledError):
            await serving
        gate.close()
