"""The audit log: who called, from where, for what, and what came of it; refused calls too.

It is a chained log beside the control log, signed by the keeper. One thread writes it, all that waits at once. A call
that changes something is written down before it is done, and not done if it cannot be; what others did follows after
the answer. Beyond a budget calls that change nothing are counted, exactly, and the counts written.

No token, and nothing that a caller has chosen freely, is in it: of paths the pattern, of what was changed the ids of
the records in the control log.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from time import time
from typing import Any

from guard import config
from guard.custody.control import ControlError, Pen
from guard.journal.folder import AUDIT
from guard.journal.refusals import Caller, Refusals

MOST_WAITING = 10_000
STEP_SECONDS = 1.0
BUDGETS = config.Refusals(each=600, matched=100, all=3_000, interval=10.0)
"""Calls a minute that are written down one by one: of one operator, of one address that shows no token, of all."""

UNKNOWN = "content_policy_violation"
"""What `Refusals` calls those of its second budget: here who shows no token that counts."""

logger = logging.getLogger("guard.admin")


class AuditError(Exception):
    """A call cannot be written down."""


class Audit:
    """Writes the log, from entering the context to leaving it."""

    def __init__(self, journal: Path, node: str) -> None:
        self._pen = Pen(journal, node, AUDIT)
        self._waiting: deque[tuple[dict[str, Any], Future[None] | None]] = deque()
        self._counts = Refusals(BUDGETS)
        self._lock = threading.Lock()
        self._some = threading.Event()
        self._ending = False
        self._trouble = ""
        self._lost = 0
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)

    def __enter__(self) -> Audit:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending = True
        self._some.set()
        self._thread.join(STEP_SECONDS * 3)

    def written(self, record: Mapping[str, Any]) -> Future[None]:
        """Write a record down; the future is done when it is on disk.

        Raises:
            AuditError: too many wait already. The future has it where writing fails.
        """
        future: Future[None] = Future()
        self._put({**record, "at": time()}, future)
        return future

    def note(self, record: Mapping[str, Any]) -> None:
        """Write a record down in a while, or count it where there is no room."""
        now = time()
        known = record.get("actor")
        who = Caller(None, None, known) if known is not None else Caller(record.get("address"))
        reason = str(record.get("route")) if known is not None else UNKNOWN
        with self._lock:
            room = len(self._waiting) < MOST_WAITING
            counted = self._counts.counted(who, reason, int(record["status"]), now, room=room)
        if not counted:
            self._put({**record, "at": now}, None)

    def _put(self, record: dict[str, Any], future: Future[None] | None) -> None:
        with self._lock:
            if future is not None and len(self._waiting) >= MOST_WAITING:
                raise AuditError("too many calls wait to be written down")
            self._waiting.append((record, future))
        self._some.set()

    def _run(self) -> None:
        while not self._ending:
            self._some.wait(STEP_SECONDS)
            self._step()
        self._step(last=True)

    def _step(self, *, last: bool = False) -> None:
        self._some.clear()
        now = time()
        with self._lock:
            # Who has given up waiting has not done it, and what was taken up here nobody can give up any more.
            batch = [one for one in self._waiting if one[1] is None or one[1].set_running_or_notify_cancel()]
            self._waiting.clear()
            counts = self._counts.rest() if last else self._counts.due(now)
        records = [record for record, _ in batch] + [_counted(one, now) for one in counts]
        if not records:
            return
        if self._lost:
            records.append({"kind": "lost", "at": now, "count": self._lost})
        trouble = self._write(records)
        if trouble:
            # Who waits is told, and does nothing; of the others only the number is kept until there is room again.
            self._lost += sum(future is None for _, future in batch) + sum(one["count"] for one in counts)
        else:
            self._lost = 0
        for _, future in batch:
            if future is not None and trouble:
                future.set_exception(AuditError(trouble))
            elif future is not None:
                future.set_result(None)

    def _write(self, records: list[dict[str, Any]]) -> str:
        try:
            self._pen.write(records)
        except (ControlError, OSError) as error:
            if str(error) != self._trouble:
                logger.error("calls cannot be written down, and what would change something is refused: %s", error)
            self._trouble = str(error)
            return self._trouble
        if self._trouble:
            logger.info("calls are written down again")
        self._trouble = ""
        return ""


def _counted(one: dict[str, Any], now: float) -> dict[str, Any]:
    """A count of `Refusals` in this log's words."""
    client = one["client"] or {}
    known = client.get("name")
    return {
        "kind": "calls", "from": one["from"], "to": one["to"], "address": client.get("address"), "actor": known,
        "route": one["reason"] if known is not None else None, "status": one["status"], "count": one["count"],
        "at": now,
    }  # fmt: skip
