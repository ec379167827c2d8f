"""Exchanges carried away in a file: JSON lines or Parquet, whole or not there at all."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from guard.evidence.filters import Filters
from guard.evidence.note import Note
from guard.evidence.order import Items
from guard.evidence.scan import Progress, Scan
from guard.evidence.table import Rows, arrow, schema

if TYPE_CHECKING:
    import pyarrow

ROW_GROUP_BYTES = 16_777_216
JSONL = "jsonl"
PARQUET = "parquet"


class Exported(NamedTuple):
    """What is in the file: how many exchanges, its size in bytes, and its SHA-256 in hexadecimal."""

    exchanges: int
    bytes: int
    sha256: str


def export(
    journal: Path,
    filters: Filters,
    form: str,
    output: Path,
    record: Callable[[Exported], None],
    *,
    note: Note,
    progress: Progress | None = None,
) -> Exported:
    """Write the exchanges that are wanted into a new file, in the order in which they are found.

    `record` is called when the file is whole, before it gets its name; if that fails, there is no file.

    Raises:
        FileExistsError: the file is there already.
        OSError: it cannot be written.
        MissingExtraError: a library is missing.
        FilterError: a filter means nothing.
    """
    if output.exists():
        raise FileExistsError(None, "is there already, and is not replaced", str(output))
    if form == PARQUET:
        arrow()
    with _draft(output) as draft:
        with draft.open("wb") as file:
            write = _parquet if form == PARQUET else _jsonl
            count = write(journal, filters, file, note, progress)
            file.flush()
            os.fsync(file.fileno())
        with draft.open("rb") as file:
            exported = Exported(count, draft.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())
        record(exported)
        os.link(draft, output)  # refuses to replace a file, as renaming would not
    return exported


@contextmanager
def _draft(output: Path) -> Iterator[Path]:
    """A file beside the output for its beginnings, for its owner's eyes, which does not stay."""
    draft = output.with_name(f".{output.name}.{secrets.token_hex(4)}.part")
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _jsonl(journal: Path, filters: Filters, file: IO[bytes], note: Note, progress: Progress | None) -> int:
    count = 0
    for items in Scan(journal, filters, Items, note=note, progress=progress).run():
        file.writelines(data + b"\n" for _, data in items)
        count += len(items)
    return count


def _parquet(journal: Path, filters: Filters, file: IO[bytes], note: Note, progress: Progress | None) -> int:
    from pyarrow import parquet

    count = 0
    scan = Scan(journal, filters, partial(Rows, None), note=note, progress=progress)
    with parquet.ParquetWriter(file, schema(), compression="zstd") as writer:
        for table in _row_groups(scan.run()):
            writer.write_table(table)
            count += table.num_rows
    return count


def _row_groups(batches: Iterable[pyarrow.RecordBatch]) -> Iterator[Any]:
    """Batches put together until they are worth a row group."""
    waiting: list[pyarrow.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(one.nbytes for one in waiting) >= ROW_GROUP_BYTES:
            yield arrow().Table.from_batches(waiting, schema())
            waiting = []
    if any(batch.num_rows for batch in waiting):
        yield arrow().Table.from_batches(waiting, schema())
