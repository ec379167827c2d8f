"""The store that guards share, and what befalls it: a server, a pair of which one takes over from the other, a file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.support import valkey
from tests.support.between import Between

DELAY_SECONDS = 0.5
FAILOVER = "failing over"
HELD = "held"
REMOVED = "removed"


class World(NamedTuple):
    """The store, what is between it and the guards, and where they are told that it is; of a file the `server` is the
    paths of its two databases.
    """

    server: Any
    between: Any
    url: str


@contextmanager
def single(_folder: Path) -> Iterator[World]:
    """One server."""
    with valkey.server() as server, Between(server.port) as between:
        yield World(server, between, f"redis://127.0.0.1:{between.port}")


@contextmanager
def watched(folder: Path) -> Iterator[World]:
    """A server behind a sentinel, with another that takes over when it is gone."""
    folder.mkdir()
    with valkey.watched(folder) as pair, Between(pair.primary.port) as between:
        yield World(pair.primary, between, f"redis+sentinel://127.0.0.1:{pair.sentinel}/fleet")


@contextmanager
def file(folder: Path) -> Iterator[World]:
    """A file that guards of one machine share."""
    folder.mkdir()
    path = folder / "store.db"
    yield World((path, folder / "store.db-live"), None, f"sqlite:{path}")


@contextmanager
def stopped(world: World) -> Iterator[None]:
    """It is not there."""
    port = world.server.port
    world.server.stop()
    try:
        yield
    finally:
        world.server._desired_port = port
        world.server.start()


@contextmanager
def slow(world: World) -> Iterator[None]:
    """Each answer takes half a second."""
    world.between.delay = DELAY_SECONDS
    try:
        yield
    finally:
        world.between.delay = 0.0


@contextmanager
def full(world: World) -> Iterator[None]:
    """It has no room for anything."""
    with valkey.asked(world.server) as client:
        client.config_set("maxmemory", "1mb")
        try:
            yield
        finally:
            client.config_set("maxmemory", "0")


@contextmanager
def wiped(world: World) -> Iterator[None]:
    """It loses all that it had."""
    with valkey.asked(world.server) as client:
        client.flushall()
        client.script_flush()
    yield


@contextmanager
def cut(world: World) -> Iterator[None]:
    """All connections to it are cut."""
    world.between.cut()
    yield


@contextmanager
def failing_over(world: World) -> Iterator[None]:
    """It is gone, and does not come back."""
    world.server.terminate()
    yield


@contextmanager
def held(world: World) -> Iterator[None]:
    """Somebody else writes to it, and is not done with that."""
    with ExitStack() as stack:
        for path in world.server:
            holder = stack.enter_context(closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)))
            holder.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def removed(world: World) -> Iterator[None]:
    """Somebody has taken the files away."""
    for path in world.server[0].parent.iterdir():
        path.unlink()
    yield


Mishap = Callable[[World], AbstractContextManager[None]]

MISHAPS: dict[str, Mishap] = {
    "stopped": stopped,
    "paused": lambda world: valkey.stopped(world.server),
    "slow": slow,
    "full": full,
    "wiped": wiped,
    "cut": cut,
    FAILOVER: failing_over,
    HELD: held,
    REMOVED: removed,
}
ELSEWHERE = {FAILOVER: watched, HELD: file, REMOVED: file}
"""What cannot befall a single server."""


def worlds(only: list[str]) -> list[tuple[Callable[[Path], AbstractContextManager[World]], list[str]]]:
    """In which store each of these can befall it."""
    found = [
        (world, [name for name in only if ELSEWHERE.get(name, single) is world]) for world in (single, watched, file)
    ]
    return [(world, names) for world, names in found if names]


def between(only: list[str]) -> list[str]:
    """The phases of a measurement: these, and one before, and one after each, in which the store is well."""
    first = "well, watched" if FAILOVER in only else "well, in a file" if {HELD, REMOVED} & {*only} else "well"
    return [first, *(each for name in only for each in (name, f"well after {name}"))]
