"""Sealing what is finished: a segment with a successor, all of whose records a checkpoint was signed for."""

from __future__ import annotations

import logging
from itertools import pairwise
from pathlib import Path
from time import time

from guard.archive.damage import Damage
from guard.archive.manifest import Manifest
from guard.archive.sealing import seal_next
from guard.faults import Faults
from guard.journal.folder import PLAIN, Segment, logs
from guard.keeper.listing import Listing
from guard.keeper.orders import Orders
from guard.keeper.standing import Standing
from guard.proof.keys import signer
from guard.proof.node import node_name
from guard.proof.tree import merge

WAIT_SECONDS = 1.0
"""Following logs goes first; so long after, the next piece is sealed nevertheless."""

logger = logging.getLogger("guard.keeper")


class Sealer:
    """Seals the segments of all logs in their order. A damaged one is told of, and it and those behind it are left."""

    def __init__(self, orders: Orders, standing: Standing) -> None:
        self._orders = orders
        self._standing = standing
        self._faults = Faults(logger)
        self._listings: dict[str, Listing] = {}
        self._damaged: dict[str, tuple[int, int]] = {}

    def step(self) -> None:
        """Seal all there is to seal.

        Raises:
            OSError, ValueError: a file, or the key, cannot be used.
        """
        for log in logs(self._orders.folder):
            while (segment := self._next(log)) and self._stamp(segment) != self._damaged.get(log):
                self._seal(log, segment)

    def _next(self, log: str) -> Segment | None:
        """The first finished segment that is not sealed, if it may be."""
        listing = self._listings.setdefault(log, Listing(self._orders.folder, log))
        for segment, following in pairwise(listing.segments()):
            if segment.plain:
                signed = following.base <= self._standing.signed.get(log, 0)
                return segment if signed and self._age(segment) >= self._orders.journal.seal_after else None
        return None

    def _seal(self, log: str, segment: Segment) -> None:
        state = Path(self._orders.state)
        stamp = self._stamp(segment)
        try:
            manifest = seal_next(self._orders.folder, log, signer(state, node_name(state), log), wait=self._wait)
        except Damage as error:
            # Nothing becomes of it by trying again, until somebody has put the file right.
            self._damaged[log] = stamp
            self._faults.tell(f"sealing {segment.name}", f"{error}; it is left as it is, and so are those behind it")
            return
        self._listings.pop(log)
        if manifest is not None:
            self._compare(segment, manifest)
            logger.info(
                "sealed %s: %d records, %d bytes in %d", segment.name, manifest.count, manifest.plain, manifest.sealed
            )

    def _wait(self) -> None:
        self._standing.quiet.wait(WAIT_SECONDS)

    def _compare(self, segment: Segment, manifest: Manifest) -> None:
        """See whether what was sealed is what was signed for as it came.

        Both are signed by now, and what tells them apart stays: `guard log verify` finds the same.
        """
        trees = self._standing.trees.get(segment.log, {})
        before, signed = trees.pop(segment.base, None), trees.get(manifest.end)
        if before is not None and signed is not None and merge(before, manifest.leaves) != signed:
            logger.error("%s: its records are others than those that checkpoints were signed for", segment.name)

    def _age(self, segment: Segment) -> float:
        """Seconds since its last record was written."""
        return time() - segment.path(PLAIN).stat().st_mtime

    def _stamp(self, segment: Segment) -> tuple[int, int]:
        stat = segment.path(PLAIN).stat()
        return segment.base, stat.st_mtime_ns
