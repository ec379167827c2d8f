"""Signing checkpoints: for each log what it is now, as far as it is on disk, again and again while it grows."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from guard.archive.manifest import check_place
from guard.archive.manifest import opened as manifest_opened
from guard.archive.statement import read
from guard.custody.control import ControlError
from guard.faults import Faults
from guard.journal.folder import CHECKPOINT, MANIFEST, Segment, logs
from guard.keeper import progress
from guard.keeper.follow import Anchor, Follower, FollowError
from guard.keeper.orders import Orders
from guard.keeper.standing import Standing
from guard.proof.checkpoint import Checkpoint, opened
from guard.proof.files import replace
from guard.proof.keys import origin, signer
from guard.proof.node import node_name
from guard.proof.note import NoteError, Signer
from guard.proof.tree import Range

READ_SECONDS = 1.0
"""A log that is far behind is signed for, and other logs are read, after so long."""

Publish = Callable[[str, bytes], None]
"""Takes a log's newest checkpoint, signed."""

logger = logging.getLogger("guard.keeper")


class Notary:
    """Follows all logs and signs for them."""

    def __init__(self, orders: Orders, standing: Standing, publish: Publish) -> None:
        """Raises:
        OSError, ValueError: the key or the node's name cannot be used.
        """
        self._orders = orders
        self._standing = standing
        self._publish = publish
        self._faults = Faults(logger)
        self._signers: dict[str, Signer] = {}
        self._followers: dict[str, Follower] = {}
        self._signed_at: dict[str, float] = {}
        self._node = node_name(Path(orders.state))
        signer(Path(orders.state), self._node, "")

    def step(self, *, finish: bool = False) -> bool:
        """Read on in each log, and sign where it is time to; `finish`: sign for all that there is.

        Returns whether there is more to read already.
        """
        self._standing.quiet.clear()
        try:
            self._follow(finish=finish)
        finally:
            self._standing.quiet.set()
        return any(follower.behind for follower in self._followers.values())

    def _follow(self, *, finish: bool) -> None:
        for log in logs(self._orders.folder):
            try:
                self._attend(log, finish=finish)
            except (FollowError, NoteError, ControlError, OSError, ValueError) as error:
                self._faults.tell(f"checkpoints of {log}", str(error))
            else:
                self._faults.over(f"checkpoints of {log}")

    def _attend(self, log: str, *, finish: bool) -> None:
        follower = self._followers.get(log) or self._begin(log)
        try:
            turned = follower.advance(None if finish else READ_SECONDS)
        finally:
            self._standing.durable[log] = follower.durable.end
        if follower.waiting:
            self._faults.tell(log, follower.waiting, logging.WARNING)
        else:
            self._faults.over(log)
        late = monotonic() - self._signed_at.get(log, 0.0) >= self._orders.journal.checkpoint_interval
        if follower.durable.end > self._standing.signed[log] and (turned or late or finish):
            self._sign(log, follower)

    def _begin(self, log: str) -> Follower:
        """A follower that goes on where the last one signed, if that can be believed; else it reads the whole log."""
        path = self._orders.folder / log / CHECKPOINT
        self._signers[log] = signer(Path(self._orders.state), self._node, log)
        note = read(path) if path.exists() else None
        signed = None if note is None else self._opened(path, note, log)
        anchor = None if signed is None else Anchor(signed.size, signed.root)
        follower = Follower(self._orders.folder, log, self._leaves, anchor)
        if signed is not None:
            progress.restore(self._progress(log), follower, path.parent, signed)
        if note is not None:
            self._publish(log, note)
        self._followers[log] = follower
        self._standing.trees[log] = follower.trees
        self._standing.signed[log] = 0 if signed is None else signed.size
        return follower

    def _leaves(self, segment: Segment) -> Range:
        """The tree over a sealed segment, as its manifest says."""
        path = segment.path(MANIFEST)
        try:
            manifest = manifest_opened(read(path), [self._signers[segment.log].verifier])
            check_place(manifest, segment)
        except NoteError as error:
            raise NoteError(f"{path}: {error}") from error
        return manifest.leaves

    def _opened(self, path: Path, note: bytes, log: str) -> Checkpoint:
        try:
            return opened(note, [self._signers[log].verifier])
        except NoteError as error:
            raise NoteError(f"{path}: {error}; put it right, or keep it elsewhere and take it away") from error

    def _sign(self, log: str, follower: Follower) -> None:
        note = Checkpoint(origin(self._node, log), follower.durable.end, follower.durable.root()).sign(
            self._signers[log]
        )
        progress.save(self._progress(log), follower)
        replace(self._orders.folder / log / CHECKPOINT, note)
        self._standing.signed[log] = follower.durable.end
        self._signed_at[log] = monotonic()
        self._publish(log, note)

    def _progress(self, log: str) -> Path:
        return self._orders.notes / f"{log}.json"
