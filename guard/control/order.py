"""Giving an order: its changes go into the log that counts, the store's where there is one, else this machine's own.

A store that does not answer within its time keeps nobody from acting: they go into this machine's log, are in force
here at once, and are shared when the store is back. They have their ids by then, so that each is one change even if the
store has taken it all the same.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from guard.config import Config
from guard.control.mirror import is_shared
from guard.control.parcels import give
from guard.control.parcels import named as rules_of
from guard.custody.bundles import Shelf
from guard.custody.control import append_all
from guard.proof.node import node_name
from guard.store.errors import StoreError
from guard.store.opening import Opened, opened

Answer = TypeVar("Answer")


class Placed(NamedTuple):
    """Where an order has gone.

    Attributes:
        version: how many changes there are with it: in the store, or records in this machine's log.
        where: which of the two `version` counts in.
        trouble: why it is not in the store, where there is one that should have it; "" else.
    """

    version: int
    where: Literal["store", "here"]
    trouble: str = ""


def place(
    config: Config,
    records: Sequence[Mapping[str, Any]],
    if_version: int | None = None,
    *,
    store: Opened | None = None,
) -> Placed:
    """Write changes down, as `guard.custody.control.change_record` makes them, where they count: all of them or none.

    With `if_version` only if that is the version now: of the store, if there is one. `store` is that, for who has
    it open already.

    Raises:
        VersionError: the version is another.
        StoreError: the store does not take them, and only it could tell whether the version is `if_version`.
        ControlError: the machine's log is held by somebody for too long, or is damaged.
        OSError: it cannot be written; ValueError: this machine has no usable name.
    """
    if config.store.url is None or not all(map(is_shared, records)):
        return _here(config, records, if_version)
    try:
        return Placed(_within(config.store.timeout, lambda: _there(config, records, if_version, store)), "store")
    except StoreError as error:
        if if_version is not None:
            doubt = ", and it may have taken it all the same" if error.unsure else ""
            raise StoreError(f"{error}; an order for version {if_version} can go nowhere else{doubt}") from None
        return _here(config, records, None)._replace(trouble=str(error))


def _here(config: Config, records: Sequence[Mapping[str, Any]], if_version: int | None) -> Placed:
    state = Path(config.state)
    written = append_all(state / config.journal.dir, records, node=node_name(state), if_version=if_version)
    return Placed(written[-1]["seq"] + 1, "here")


def _there(config: Config, records: Sequence[Mapping[str, Any]], if_version: int | None, store: Opened | None) -> int:
    if store is None:
        with opened(config.store) as found:
            return _there(config, records, if_version, found)
    state = Path(config.state)
    for bundle in rules_of(records):
        give(store.bundles, Shelf(state), bundle)
    return store.changes.append_all([{"origin": node_name(state), **record} for record in records], if_version)[-1]


def _within(seconds: float, work: Callable[[], Answer]) -> Answer:
    """What some work comes to, if it does within that time; else it goes on, and nobody waits for it.

    Finding the store takes several steps (a name's address, a sentinel, the server); no bound on one bounds them all.
    """
    results: queue.SimpleQueue[Answer | Exception] = queue.SimpleQueue()

    def run() -> None:
        try:
            results.put(work())
        except Exception as error:
            results.put(error)

    threading.Thread(target=run, name="order", daemon=True).start()
    try:
        result = results.get(timeout=seconds)
    except queue.Empty:
        raise StoreError(f"the store does not answer within {seconds:g} seconds", unsure=True) from None
    if isinstance(result, Exception):
        raise result
    return result
