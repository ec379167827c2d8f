"""A store by its address, of whatever kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from guard.config import Store
from guard.store.address import parse
from guard.store.budgets import Budgets
from guard.store.bundles import Bundles
from guard.store.changes import Changes
from guard.store.nodes import Nodes


class Opened:
    """A store, for who waits for its answers, from any thread; it is connected to when it is first asked.

    Attributes:
        address: where it is, as it may be shown.
        changes: the changes in it.
        bundles: the rules that they name.
        nodes: the machines that share it.
    """

    def __init__(
        self, address: str, changes: Changes, bundles: Bundles, nodes: Nodes, close: Callable[[], None]
    ) -> None:
        self.address = address
        self.changes = changes
        self.bundles = bundles
        self.nodes = nodes
        self.close = close

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


FILE = "store.db"
"""Of a guard that names no store, in its state folder."""


def opened(store: Store, state: Path | None = None) -> Opened:
    """The store that a configuration names; without a `url` that is this machine's own, in its `state` folder.

    Raises:
        ValueError: that is no store's address, and there is no folder.
    """
    if store.url is None and state is not None:
        return _file(store, state / FILE, own=True)
    address = parse(store.url or "")
    return _file(store, Path(address.path)) if address.kind == "file" else _server(store)


def budgets_of(store: Store) -> Budgets:
    """The budgets in a store that has a `url`, for the event loop that runs.

    Raises:
        ValueError: that is no store's address.
    """
    address = parse(store.url or "")
    if address.kind == "file":
        from guard.store.sqlite.budgets import SqliteBudgets
        from guard.store.sqlite.tables import live

        return SqliteBudgets(live(Path(address.path), store.timeout), store.name)
    from guard.store.redis.budgets import RedisBudgets

    return RedisBudgets(store)


def _server(store: Store) -> Opened:
    from guard.store.redis.bundles import RedisBundles
    from guard.store.redis.changes import RedisChanges
    from guard.store.redis.connection import Connection
    from guard.store.redis.nodes import RedisNodes

    connection = Connection(store)
    parts = RedisChanges(connection), RedisBundles(connection), RedisNodes(connection)
    return Opened(str(connection.address), *parts, connection.close)


def _file(store: Store, path: Path, *, own: bool = False) -> Opened:
    from guard.store.sqlite.bundles import SqliteBundles
    from guard.store.sqlite.changes import SqliteChanges
    from guard.store.sqlite.nodes import SqliteNodes
    from guard.store.sqlite.tables import decided, live

    file, watch = (decided(path, store.timeout, own=own) for _ in range(2))
    now = live(path, store.timeout)

    def close() -> None:
        for one in (file, watch, now):
            one.close()

    changes = SqliteChanges(file, watch, store.name, own=own)
    parts = changes, SqliteBundles(file, store.name), SqliteNodes(now, store.name)
    return Opened(str(path), *parts, close)
