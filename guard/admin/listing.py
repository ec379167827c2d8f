"""Lists of what is in force: sorted by name, page by page."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from guard.admin.answer import Answer, json
from guard.admin.call import Call
from guard.admin.cursor import CursorError, read, write
from guard.admin.problem import Problem, unfit
from guard.admin.shapes import Page
from guard.admin.tags import tag
from guard.control.desk import Desk
from guard.custody.measures import Measure, State

Key = Any
Shown = Callable[[Measure], Any]


class _Sorted(NamedTuple):
    desk: Desk
    tag: str
    names: list[tuple[str, ...]]
    keys: list[Key]


class Listing:
    """One kind of measures. `found` gives them by key, `name` a key's parts as texts, by which they are sorted."""

    def __init__(
        self,
        what: str,
        found: Callable[[State], Mapping[Key, Measure]],
        name: Callable[[Key], tuple[str, ...]],
        shown: Shown,
    ) -> None:
        self._what = what
        self._found = found
        self._name = name
        self._shown = shown
        self._sorted: _Sorted | None = None
        self._lock = threading.Lock()

    def page(self, call: Call) -> Answer:
        """A page of them; 304 if the caller has it."""
        limit, cursor = call.query.limit, call.query.cursor
        with call.desk.state() as state:
            found = self._found(state)
            current = tag(call.desk.stamp(state), len(found))
            if call.is_known(current):
                return Answer(304, headers=(("etag", current),))
            names, keys = self._order(call.desk, current, found)
            begin = bisect_right(names, self._after(cursor, names)) if cursor is not None else 0
            taken = keys[begin : begin + limit]
            following = write(self._what, names[begin + limit - 1]) if begin + limit < len(keys) else None
            items = [self._shown(found[key]) for key in taken]
            return json(Page(items=items, next=following, version=call.desk.version(state)), tag=current)

    def one(self, call: Call, key: Key) -> Answer:
        """One of them; 304 if the caller has it.

        Raises:
            Problem: 404.
        """
        measure = self.measure(call, key)
        current = tag(measure.version)
        if call.is_known(current):
            return Answer(304, headers=(("etag", current),))
        return json(self._shown(measure), tag=current)

    def measure(self, call: Call, key: Key) -> Measure:
        """The measure that is in force there.

        Raises:
            Problem: 404.
        """
        with call.desk.state() as state:
            measure = self._found(state).get(key)
        if measure is None:
            raise Problem(404, "missing", f"there is no such {self._what} in force")
        return measure

    def shown(self, measure: Measure) -> Any:
        """A measure as callers see it."""
        return self._shown(measure)

    def _order(self, desk: Desk, current: str, found: Mapping[Key, Measure]) -> tuple[list[tuple[str, ...]], list[Key]]:
        """Sorted once for each state that there is."""
        with self._lock:
            known = self._sorted
            if known is None or known.desk is not desk or known.tag != current:
                pairs = sorted((self._name(key), key) for key in found)
                known = self._sorted = _Sorted(desk, current, [name for name, _ in pairs], [key for _, key in pairs])
            return known.names, known.keys

    def _after(self, cursor: str, names: list[tuple[str, ...]]) -> tuple[str, ...]:
        kinds = [str] * (len(names[0]) if names else 1)
        try:
            return read(self._what, cursor, *kinds)
        except CursorError:
            raise unfit("query.cursor", "it is no cursor of this list") from None
