"""Calls with an ``Idempotency-Key``: the same again is not done again, but answered as before."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import NamedTuple

from guard.admin.answer import Answer

KEPT_SECONDS = 86_400.0
MOST = 10_000
MOST_BYTES = 64 * 1_048_576


class _Known(NamedTuple):
    at: float
    what: bytes
    answer: Answer | None


class OtherCallError(Exception):
    """The key came with another call before."""


class UnderWayError(Exception):
    """The same call has not been answered yet."""


class Answers:
    """What was answered, by caller and key, for a day at most; the oldest go when there are too many.

    Times are monotonic seconds. Only this process knows them; what was ordered is known by `guard.control.repeats`.
    """

    def __init__(self, most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._bytes = 0
        self._known: OrderedDict[tuple[str, str], _Known] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, caller: str, key: str, what: bytes, now: float) -> Answer | None:
        """Take up a call, of which `what` is a hash; the answer if it was answered before.

        Raises:
            OtherCallError, UnderWayError
        """
        with self._lock:
            self._forget(now)
            known = self._known.get((caller, key))
            if known is None:
                self._known[caller, key] = _Known(now, what, None)
                return None
            if known.what != what:
                raise OtherCallError
            if known.answer is None:
                raise UnderWayError
            return known.answer

    def end(self, caller: str, key: str, answer: Answer | None) -> None:
        """Keep the answer; None: the call came to nothing, and may be made again."""
        with self._lock:
            known = self._known.pop((caller, key), None)
            if known is None or answer is None:
                return
            self._known[caller, key] = known._replace(answer=answer)
            self._bytes += len(answer.body)
            while len(self._known) > self._most or self._bytes > self._most_bytes:
                self._drop()

    def _forget(self, now: float) -> None:
        while self._known and next(iter(self._known.values())).at < now - KEPT_SECONDS:
            self._drop()

    def _drop(self) -> None:
        _, known = self._known.popitem(last=False)
        if known.answer is not None:
            self._bytes -= len(known.answer.body)
