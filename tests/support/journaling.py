"""A journal in a test's own loop, and what to do to it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from guard import config
from guard.journal.slot import claim
from guard.journal.writer import Journal
from tests.support.journals import records

PATIENCE = 5.0


@contextmanager
def journaling(folder: Path, **settings: Any) -> Iterator[Journal]:
    """A journal in the running loop."""
    journal = Journal(claim(folder), config.Journal(**settings), asyncio.get_running_loop(), {"node": "here"})
    try:
        yield journal
    finally:
        journal.close()


def record(line: object) -> bytes:
    """A record that a test writes."""
    return orjson.dumps({"kind": "test", "line": line})


def kinds(folder: Path) -> list[str]:
    """The kinds of all records in their order."""
    return [one["kind"] for one in records(folder)]


def files(folder: Path) -> list[Path]:
    """The segments' files."""
    return sorted((folder / "w1").glob("*.jsonl"))


def future() -> asyncio.Future[bool]:
    """Something to wait for."""
    return asyncio.get_running_loop().create_future()


async def fate(journal: Journal, line: object) -> tuple[bool, bool]:
    """Add a record; whether it was written, and whether it became durable."""
    then, durable = future(), future()
    journal.add(record(line), then.set_result).when_durable(durable.set_result)
    return await asyncio.wait_for(then, PATIENCE), await asyncio.wait_for(durable, PATIENCE)


async def until(condition: Callable[[], object]) -> None:
    """Let the loop turn until something is so."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.001)


def ignore(_: bool) -> None:
    """Nobody waits."""


def fail_with(journal: Journal, device: str) -> None:
    """Put a device in the place of the journal's open file: /dev/full cannot be written, /dev/null not be synced."""
    assert journal.log._segment is not None
    descriptor = os.open(device, os.O_WRONLY)
    os.dup2(descriptor, journal.log._segment.fd)
    os.close(descriptor)
