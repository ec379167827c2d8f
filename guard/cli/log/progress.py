"""How far a long scan is, on stderr, for people."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from guard.evidence.scan import Progress

PATIENCE_SECONDS = 1.0


@contextmanager
def progress(stream: TextIO | None = None) -> Iterator[Progress | None]:
    """What is to be told how far it is; None where nobody looks. A scan that is over at once shows nothing."""
    stream = stream if stream is not None else sys.stderr
    if not stream.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    bar = Bar(*columns, console=Console(file=stream), transient=True)
    task = bar.add_task("")
    began = monotonic()

    def told(done: int, of: int) -> None:
        if not bar.live.is_started and monotonic() - began > PATIENCE_SECONDS:
            bar.start()
        bar.update(task, completed=done, total=of)

    try:
        yield told
    finally:
        bar.stop()
