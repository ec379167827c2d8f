"""Whether the store can be reached from here, and which machines it has heard of."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from guard.config import Config, Store
from guard.settings.reader import is_variable
from guard.store.errors import StoreError
from guard.store.nodes import Node
from guard.store.opening import FILE, opened
from guard.store.sqlite import LIVE_SUFFIX


class Reach(Struct, frozen=True):
    """The store: its address as it may be shown, why it cannot be asked (empty: it was), and the machines there are."""

    address: str
    trouble: str = ""
    nodes: tuple[Node, ...] = ()

    @property
    def behind(self) -> list[Node]:
        """Those that have not taken the newest of the store's changes that another has."""
        newest = max((node.version for node in self.nodes), default=0)
        return [node for node in self.nodes if node.version < newest]


def reach_of(config: Config) -> Reach | None:
    """Ask the store, which takes as long as `store.timeout` allows; None: there is none, for no guard has run yet."""
    store, state = config.store, Path(config.state)
    if store.url is None:
        return _asked(store, state) if (state / f"{FILE}{LIVE_SUFFIX}").exists() else None
    if is_variable(store.url) or (store.password is not None and is_variable(store.password)):
        trouble = "what the store is asked with is in the environment of the guard, and not in this one"
        return Reach("unknown", trouble)
    return _asked(store, state)


def _asked(store: Store, state: Path) -> Reach:
    try:
        with opened(store, state) as found:
            try:
                return Reach(found.address, "", tuple(found.nodes.alive()))
            except StoreError as error:
                return Reach(found.address, str(error))
    except ValueError as error:
        return Reach("unknown", f"the store's address is none: {error}")
