"""A log's segments, listed again only when its folder has changed: while nothing happens, looking costs nothing."""

from __future__ import annotations

from pathlib import Path
from time import time_ns

from guard.journal.folder import Segment, segments

# A change that comes within one tick of the file system's clock after a listing leaves the folder's time as it was.
SETTLED_NS = 2_000_000_000


class Listing:
    """What `guard.journal.folder.segments` gives, remembered."""

    def __init__(self, journal: Path, log: str) -> None:
        self.log = log
        self._journal = journal
        self._changed = -1
        self._found: list[Segment] = []

    def segments(self) -> list[Segment]:
        """The segments there are now."""
        try:
            changed = (self._journal / self.log).stat().st_mtime_ns
        except FileNotFoundError:
            return []
        if changed != self._changed:
            settled = time_ns() - changed > SETTLED_NS
            self._found = segments(self._journal, self.log)
            self._changed = changed if settled else -1
        return self._found
