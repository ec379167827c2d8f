"""The beat of a process that has an attendant: a byte a second on standard output, for as long as its loop turns."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress

BEAT_SECONDS = 1.0
STDOUT = 1


async def beat() -> None:
    """Beat until cancelled. Nobody waits where nobody listens."""
    os.set_blocking(STDOUT, False)
    while True:
        with suppress(OSError):
            os.write(STDOUT, b".")
        await asyncio.sleep(BEAT_SECONDS)
