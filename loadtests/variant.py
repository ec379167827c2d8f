"""The guard with a part of the journal's work left out, to be measured beside the whole: `variant.py WHICH serve …`."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from guard.cli import main
from guard.journal import batch as batches
from guard.journal.batch import Batch
from guard.journal.chain import Position
from guard.journal.log import Log


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


if __name__ == "__main__":
    which = sys.argv.pop(1)
    if which == "unchained":
        vars(batches)["bind"] = unchained
    elif which == "off":
        Log.write = unwritten  # type: ignore[assignment, method-assign]
    elif which == "unsynced":
        Log.write = unsynced  # type: ignore[assignment, method-assign]
    main()
