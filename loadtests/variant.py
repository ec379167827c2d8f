"""The guard with a part of the journal's work left out, to be measured beside the whole: `variant.py WHICH serve …`."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from guard.cli import main
from guard.journal import writer
from guard.journal.batch import Batch
from guard.journal.chain import Position, bind


def unchained(records: Iterable[bytes], after: Position) -> tuple[bytes, Position]:
    """Lines as they are, without numbers and chains."""
    lines = list(records)
    return b"\n".join([*lines, b""]), Position(after.seq + len(lines), after.chain)


def unwritten(journal: writer.Journal, batch: Batch) -> None:
    """Say that it is all on disk."""
    del journal
    batch.written()
    batch.settle(durable=True)


def unsynced(journal: writer.Journal, batch: Batch) -> None:
    """Write, chained, and say that it is all on disk."""
    data, journal._position = bind(batch.records, journal._position)
    journal._segment.write(data)
    batch.written()
    batch.settle(durable=True)


if __name__ == "__main__":
    which = sys.argv.pop(1)
    if which == "unchained":
        vars(writer)["bind"] = unchained
    elif which == "off":
        writer.Journal._write = unwritten  # type: ignore[assignment, method-assign]
    elif which == "unsynced":
        writer.Journal._write = unsynced  # type: ignore[assignment, method-assign]
    main()
