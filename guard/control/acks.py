"""What of the store's changes is in force on a machine: worker by worker, told to the store as it comes about."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import deque
from pathlib import Path
from time import monotonic

from guard.custody.workers import Running, running
from guard.proof.node import node_name
from guard.store.nodes import Acknowledged, Node, Nodes

HEARTBEAT_SECONDS = 1.0
AWAITING_SECONDS = 0.004
IDLE_SECONDS = 0.25
PATIENCE_SECONDS = 5.0
"""Workers that have not followed for so long are not looked at so often any more."""

MOST_MARKS = 1_000


class Marks:
    """Which version of the store's changes is in force on whom: known by how many records of the log it has taken.

    Written by one thread and read by another.
    """

    def __init__(self) -> None:
        self.version = 0
        self.moved = threading.Event()
        self._marks: deque[tuple[int, int]] = deque(maxlen=MOST_MARKS)
        self._lock = threading.Lock()

    def put(self, reached: int, version: int) -> None:
        """Who has so many records of the log has the changes up to that version; 0, 0: nothing is known any more."""
        with self._lock:
            if (reached, version) == (0, 0):
                self._marks.clear()
            elif not self._marks or version > self._marks[-1][1]:
                if self._marks and self._marks[-1][0] == reached:
                    self._marks.pop()
                self._marks.append((reached, version))
            else:
                return
            self.version = version
        self.moved.set()

    def version_of(self, records: int) -> int:
        """The version that is in force with so many records of the log; 0: it is not known."""
        with self._lock:
            marks = list(self._marks)
        place = bisect_right(marks, records, key=lambda mark: mark[0])
        return marks[place - 1][1] if place else 0


class Acks:
    """Tells the store what a machine has in force, when that changes, and once a second."""

    def __init__(self, nodes: Nodes, marks: Marks, state: Path, journal: Path) -> None:
        self._nodes = nodes
        self._marks = marks
        self._state = state
        self._journal = journal
        self._name = node_name(state)
        self._told: Node | None = None
        self._told_at = 0.0
        self._moved_at = 0.0

    def step(self) -> float:
        """Tell it if there is something to tell. Returns for how long (seconds) there is nothing to look at.

        Raises:
            StoreError: the store cannot be told.
        """
        if self._marks.moved.is_set():
            self._marks.moved.clear()
            self._moved_at = monotonic()
        version = self._marks.version
        node = Node(self._name, version, tuple(map(self._acknowledged, running(self._state, self._journal))))
        if node != self._told or monotonic() - self._told_at >= HEARTBEAT_SECONDS:
            self._nodes.tell(node)
            self._told, self._told_at = node, monotonic()
        behind = any(worker.version < version or worker.waits for worker in node.workers)
        awaiting = behind and monotonic() - self._moved_at < PATIENCE_SECONDS
        return AWAITING_SECONDS if awaiting else IDLE_SECONDS

    def finish(self) -> None:
        """Say that this machine is no longer there.

        Raises:
            StoreError: the store cannot be told.
        """
        self._nodes.forget(self._name)

    def _acknowledged(self, worker: Running) -> Acknowledged:
        version = self._marks.version_of(worker.measures)
        return Acknowledged(worker.log, worker.pid, version, worker.fault, worker.waits)
