"""The guard with a part of its work left out, or more of it, to be measured beside it: `variant.py WHICH serve …`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from guard.cli import main
from guard.config import Tracing
from guard.exchange import Exchange
from guard.journal import batch as batches
from guard.journal.batch import Batch
from guard.journal.chain import Position
from guard.journal.log import Log
from guard.proxy import proxy as proxies
from guard.proxy.ends import Ends
from guard.proxy.tracing import Tracer, open_tracer

VARIANT = "LOADTESTS_VARIANT"


def unchained(records: Iterable[bytes], after: Position) -> tuple[bytes, Position]:
    """Lines as they are, without numbers and chains."""
    lines = list(records)
    return b"\n".join([*lines, b""]), Position(after.seq + len(lines), after.chain)


def unwritten(_log: Log, batch: Batch) -> None:
    """Say that it is all on disk."""
    batch.written()
    batch.settle(durable=True)


def unsynced(log: Log, batch: Batch) -> None:
    """Write, chained, and say that it is all on disk."""
    batch.bind(log._position)
    log._position = batch.end
    assert log._segment is not None
    log._segment.write(batch.data)
    batch.written()
    batch.settle(durable=True)


def unnoticed(_ends: Ends, _exchange: Exchange) -> None:
    """Count nothing."""


def traced(_settings: Tracing, instance: str) -> Tracer | None:
    """Make every span, for a collector that is not there."""
    return open_tracer(Tracing(endpoint="http://127.0.0.1:9/v1/traces"), instance)


def vary(which: str) -> None:
    """Have this process be that variant."""
    if which == "uncounted":
        Ends.take = unnoticed  # type: ignore[assignment, method-assign]
    elif which == "traced":
        vars(proxies)["open_tracer"] = traced
    elif which == "unchained":
        vars(batches)["bind"] = unchained
    elif which == "off":
        Log.write = unwritten  # type: ignore[assignment, method-assign]
    elif which == "unsynced":
        Log.write = unsynced  # type: ignore[assignment, method-assign]


if __name__ == "__main__":
    os.environ[VARIANT] = sys.argv.pop(1)
    main()
elif __name__ == "__mp_main__":  # a worker
    vary(os.environ[VARIANT])
