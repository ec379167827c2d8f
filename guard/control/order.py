"""Giving an order: its changes go into the store, which gives them their place and their version.

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
from guard.store.changes import NOTHING, Known
from guard.store.errors import StoreError
from guard.store.opening import Opened, opened

Answer = TypeVar("Answer")


class Placed(NamedTuple):
    """Where an order has gone.

    Attributes:
        version: how many changes there are with it: in the store, or records in this machine's log.
        where: in which of the two it is.
        trouble: why other machines do not have it yet; "" if they have, or there are none.
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
    after: Known = NOTHING,
) -> Placed:
    """Write changes down, as `guard.custody.control.change_record` makes them, where they count: all of them or none.

    With `if_version` only if that is the version of the store now. `store` is that, for who has it open already, and
    `after` what is known of it: it takes them only if it still has that.

    Raises:
        VersionError: the version is another.
        StoreError: the store does not take them, and only it could tell whether the version is `if_version`.
        ControlError: the machine's log is held by somebody for too long, or is damaged.
        OSError: it cannot be written; ValueError: this machine has no usable name.
    """
    if not all(map(is_shared, records)):
        return _here(config, records, if_version)
    try:
        return Placed(_within(config.store.timeout, lambda: _there(config, records, if_version, store, after)), "store")
    except StoreError as error:
        return place_aside(config, records, if_version, error)


def place_aside(
    config: Config, records: Sequence[Mapping[str, Any]], if_version: int | None, error: StoreError
) -> Placed:
    """Write changes into this machine's log, for the store does not take them now.

    Raises:
        StoreError: only the store could tell whether the version is `if_version`; the others as `place`.
    """
    if if_version is not None:
        doubt = ", and it may have taken it all the same" if error.unsure else ""
        raise StoreError(f"{error}; an order for version {if_version} can go nowhere else{doubt}") from None
    placed = _here(config, records, None)
    # A store of its own has no other machines that would have to wait for it.
    return placed if config.store.url is None else placed._replace(trouble=str(error))


def _here(config: Config, records: Sequence[Mapping[str, Any]], if_version: int | None) -> Placed:
    state = Path(config.state)
    written = append_all(state / config.journal.dir, records, node=node_name(state), if_version=if_version)
    return Placed(written[-1]["seq"] + 1, "here")


def _there(
    config: Config, records: Sequence[Mapping[str, Any]], if_version: int | None, store: Opened | None, after: Known
) -> int:
    if store is None:
        with opened(config.store, Path(config.state)) as found:
            return _there(config, records, if_version, found, after)
    state = Path(config.state)
    for bundle in rules_of(records):
        give(store.bundles, Shelf(state), bundle)
    origin = node_name(state)
    return store.changes.append_all([{"origin": origin, **record} for record in records], if_version, after)[-1]


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
