"""Looking for a text: in an exchange's texts, and before that in the raw lines, to see which need not be parsed at all.

What the raw lines say is never wrong the one way: of an exchange that is looked for, at least one line is not ruled out
by a `Probe`. The journal writes every character as itself but for `"`, `\\` and controls, so that a text stands in a
line as `orjson` would write it. Three things could hide it, and are let through: bytes in base64; a text that one
`part` ends with and the next goes on with; and characters outside of ASCII that become ASCII when case is ignored (ß).
"""

from __future__ import annotations

import re
import signal
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import orjson

EXPRESSION_SECONDS = 2.0
"""How long a regular expression may take over one exchange."""

LONGEST_CROSSING = 40
_ASCII = re.compile(r"[\x00-\x7f]+")
_FOLDS = "ßİŉſǰẖẗẘẙẚẞ\N{KELVIN SIGN}ﬀﬁﬂﬃﬄﬅﬆ"
"""The characters outside of ASCII that case folding makes ASCII characters of."""

Found = Callable[[str], object]
Probe = Callable[[bytes, str], bool]
"""Takes a raw line and its kind; False: it is no reason to look at its exchange."""


class SlowExpressionError(Exception):
    """A regular expression takes too long."""


def texts(exchange: dict[str, Any]) -> Iterator[str]:
    """All that the client and the model wrote: prompts, outputs, bodies, and the messages of a WebSocket."""
    yield from exchange["prompt"]
    yield from exchange["output"]
    for body in (exchange["request"] or {}, exchange["response"], *exchange.get("frames", ())):
        for name in ("body", "text"):
            if body.get(name):
                yield body[name]
        for name in ("body_base64", "base64"):
            if name in body:
                yield b64decode(body[name]).decode(errors="replace")


def literal(text: str, *, ignore_case: bool = False) -> Found:
    """What tells whether a text has `text` in it."""
    if ignore_case:
        folded = text.casefold()
        return lambda content: folded in content.casefold()
    return lambda content: text in content


def expression(pattern: str, *, ignore_case: bool = False) -> Found:
    """What tells whether a regular expression (Python's `re`) is found in a text.

    Raises:
        re.error: it is none.
    """
    return re.compile(pattern, re.IGNORECASE if ignore_case else 0).search


@contextmanager
def bounded(seconds: float) -> Iterator[None]:
    """Interrupt a search that takes too long. Only in a process's main thread, where signals arrive; else no bound.

    Raises:
        SlowExpressionError: it was interrupted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, _too_slow)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def probe(text: str, *, ignore_case: bool = False) -> Probe | None:
    """What tells which raw lines may have `text`, or a part of it; None: nothing can."""
    piece = max(_ASCII.findall(text.casefold()), key=len, default="") if ignore_case else text
    if not piece:
        return None
    needle = _raw(piece)
    crossing = re.compile(_crossing(piece))
    if not ignore_case:
        return lambda line, kind: needle in line or _hidden(line, kind, crossing)
    lowered = needle.lower()
    folds = [fold.encode() for fold in _FOLDS if set(fold.casefold()) & set(piece)]

    def found(line: bytes, kind: str) -> bool:
        lower = line.lower()
        if lowered in lower or _hidden(line, kind, crossing, lower):
            return True
        return not line.isascii() and any(fold in line for fold in folds)

    return found


def value_probe(value: str) -> Probe:
    """What tells which raw lines may have this as a whole value."""
    needle = orjson.dumps(value)
    return lambda line, kind: needle in line  # noqa: ARG005  any kind


def _hidden(line: bytes, kind: str, crossing: re.Pattern[bytes], lower: bytes = b"") -> bool:
    if kind in ("part", "frame") and crossing.search(lower or line):
        return True
    return b'base64":"' in line


def _crossing(text: str) -> bytes:
    """An expression for raw lines in which a string ends with a beginning of the text."""
    pattern = b""
    for character in reversed(text[:LONGEST_CROSSING]):
        pattern = re.escape(_raw(character)) + (b'(?:"|%b)' % pattern if pattern else b'"?')
    return pattern


def _raw(text: str) -> bytes:
    return orjson.dumps(text)[1:-1]


def _too_slow(_: int, __: FrameType | None) -> None:
    raise SlowExpressionError
