"""Where a request stands in a distributed trace: the ``traceparent`` header (W3C Trace Context, level 1)."""

from __future__ import annotations

import re
from typing import NamedTuple

from guard.exchange import Headers

PARENT = b"traceparent"
STATE = b"tracestate"
SAMPLED = 1

_FIRST = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)


class Parent(NamedTuple):
    """The span that a request was made in: its trace, its own id, and whether whoever made it keeps the trace."""

    trace: int
    span: int
    sampled: bool


class Trace(NamedTuple):
    """The place of one exchange in a trace; `parent`: the id of the span that it is a child of, 0: it is the first."""

    trace: int
    span: int
    parent: int
    sampled: bool

    @property
    def line(self) -> bytes:
        """The header line that tells a model of it."""
        return b"traceparent: 00-%032x-%016x-%02x\r\n" % (self.trace, self.span, self.sampled)


def parent_of(headers: Headers) -> Parent | None:
    """The one parent that is told; None: none is, or what is told is none, or several are."""
    told = [value for name, value in headers if name == PARENT]
    found = _FIRST.fullmatch(told[0]) if len(told) == 1 else None
    if found is None:
        return None
    version, trace, span, flags, more = found.groups()
    # Later versions may tell more behind what the first one does (section 3.2.4).
    if version == b"ff" or (version == b"00" and more is not None):
        return None
    parent = Parent(int(trace, 16), int(span, 16), bool(int(flags, 16) & SAMPLED))
    return parent if parent.trace and parent.span else None


def without_parent(headers: Headers) -> Headers:
    """The fields but for the parent; and the state that belongs to it, where it is none, is nobody's."""
    dropped = {PARENT} if parent_of(headers) is not None else {PARENT, STATE}
    return [field for field in headers if field[0] not in dropped]
