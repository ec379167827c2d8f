"""Matching with hyperscan: all literals and patterns in one pass, in time linear in the text.

The expressions are already folded, so no flag changes letters. Patterns that hyperscan cannot express are compiled as
a prefilter, which finds too much, and are confirmed with `regex`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import local

import hyperscan

from guard.ruleset.confirm import searcher
from guard.ruleset.engine import EngineError, Search, Terms, TextStream
from guard.ruleset.pattern import Pattern
from guard.ruleset.render import render_text

PLAIN = hyperscan.HS_FLAG_UTF8 | hyperscan.HS_FLAG_SINGLEMATCH
PREFILTER = PLAIN | hyperscan.HS_FLAG_PREFILTER

Expression = tuple[int, str, int]  # the number reported, the expression, its flags
Callback = Callable[[int, int, int, int, object], bool | None]

NONE: tuple[int, ...] = ()


class HyperscanEngine:
    """The engine of choice."""

    name = "hyperscan"

    def search(self, rules: Sequence[Terms]) -> Search:
        """See `Engine.search`."""
        confirms: list[tuple[int, Callable[[str], bool]]] = []
        expressions: list[Expression] = []
        for number, terms in enumerate(rules):
            for pattern in terms.patterns:
                if pattern.confirm:
                    expressions.append((len(rules) + len(confirms), pattern.written("hyperscan"), PREFILTER))
                    confirms.append((number, searcher(pattern)))
            expressions.extend(_plain(number, terms))
        database = _compile(expressions, hyperscan.HS_MODE_BLOCK, rules)
        return _searching(database, len(rules), confirms)

    def stream(self, rules: Sequence[Terms]) -> Callable[[], TextStream]:
        """See `Engine.stream`."""
        expressions = [expression for number, terms in enumerate(rules) for expression in _plain(number, terms)]
        threads = _Threads(_compile(expressions, hyperscan.HS_MODE_STREAM, rules))
        return lambda: _Stream(threads)


class _Threads(local):
    """What each thread needs of its own: a scratch space, a list for hits, and the callback that fills it.

    The callback is kept here because hyperscan's streams borrow it without a reference of their own.
    """

    def __init__(self, database: hyperscan.Database) -> None:
        self.database = database
        self.scratch = hyperscan.Scratch(database)
        self.hits: list[int] = []
        self.callback: Callback = _collector(self.hits)


def _collector(hits: list[int]) -> Callback:
    def on_match(number: int, _start: int, _end: int, _flags: int, _context: object) -> None:
        hits.append(number)

    return on_match


def _searching(database: hyperscan.Database, count: int, confirms: list[tuple[int, Callable[[str], bool]]]) -> Search:
    threads = _Threads(database)
    scan = database.scan

    def search(text: str) -> Sequence[int]:
        own = threads.__dict__
        hits: list[int] = own["hits"]
        scan(text.encode(), own["callback"], 0, None, own["scratch"])
        if not hits:
            return NONE
        found = [number for number in hits if number < count]
        found += [rule for rule, found_in in [confirms[n - count] for n in hits if n >= count] if found_in(text)]
        hits.clear()
        return found

    return search


class _Stream:
    """One text in pieces, in hyperscan's streaming mode; its state is a few hundred bytes."""

    __slots__ = ("_keep", "_scan", "_stream", "_threads")

    def __init__(self, threads: _Threads) -> None:
        self._threads = threads
        # The binding does not keep these alive, and a stream outlives the thread's own space when threads come and go.
        self._keep = (threads.database, threads.callback)
        self._stream: hyperscan.Stream | None = threads.database.stream(threads.callback)
        self._stream.__enter__()
        self._scan = self._stream.scan

    def feed(self, text: str) -> Sequence[int]:
        threads = self._threads
        self._scan(text.encode(), 0, threads.scratch, threads.callback)
        return _drain(threads.hits)

    def close(self) -> Sequence[int]:
        threads = self._threads
        stream, self._stream = self._stream, None
        if stream is None:
            return NONE
        stream.close(match_event_handler=threads.callback)
        return _drain(threads.hits)

    def __del__(self) -> None:
        # May run in the middle of a scan: it must not touch the thread's scratch space and hits.
        if self._stream is not None:
            self._stream.close(match_event_handler=_ignore)


def _ignore(_number: int, _start: int, _end: int, _flags: int, _context: object) -> None:
    """The callback of a stream that nobody listens to any more."""


def _drain(hits: list[int]) -> Sequence[int]:
    if not hits:
        return NONE
    found = hits.copy()
    hits.clear()
    return found


def _plain(number: int, terms: Terms) -> list[Expression]:
    literals = [(number, render_text(literal, "hyperscan"), PLAIN) for literal in terms.literals]
    return literals + [(number, p.written("hyperscan"), PLAIN) for p in terms.patterns if not p.confirm]


def _compile(expressions: list[Expression], mode: int, rules: Sequence[Terms]) -> hyperscan.Database:
    database = hyperscan.Database(mode=mode)
    numbers, texts, flags = zip(*expressions, strict=True)
    try:
        database.compile(expressions=[text.encode() for text in texts], ids=numbers, elements=len(texts), flags=flags)
    except hyperscan.HyperscanError as error:
        raise EngineError(str(error), _faults(mode, rules)) from error
    return database


def _faults(mode: int, rules: Sequence[Terms]) -> list[tuple[int, str, str]]:
    """Which patterns hyperscan refuses; its own message does not say."""
    faults = []
    for number, terms in enumerate(rules):
        for pattern in terms.patterns:
            why = _refused(pattern, mode)
            if why:
                faults.append((number, pattern.source, why))
    return faults


def _refused(pattern: Pattern, mode: int) -> str:
    flags = PREFILTER if pattern.confirm else PLAIN
    try:
        database = hyperscan.Database(mode=mode)
        database.compile(expressions=[pattern.written("hyperscan").encode()], ids=[0], elements=1, flags=[flags])
    except hyperscan.HyperscanError as error:
        return f"hyperscan cannot compile it: {error}"
    return ""
