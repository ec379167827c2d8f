"""Matching with hyperscan: all literals and patterns in one pass, in time linear in the text.

The expressions are already folded, so no flag changes letters. Patterns that hyperscan cannot express are compiled as
a prefilter, which finds too much, and are confirmed with `regex`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from hashlib import sha256
from importlib.metadata import version
from threading import local
from typing import NamedTuple

import hyperscan

from guard.ruleset.confirm import searcher
from guard.ruleset.engine import EngineError, Kept, Search, Terms, TextStream
from guard.ruleset.pattern import Pattern
from guard.ruleset.render import render_text

PLAIN = hyperscan.HS_FLAG_UTF8 | hyperscan.HS_FLAG_SINGLEMATCH
PREFILTER = PLAIN | hyperscan.HS_FLAG_PREFILTER

logger = logging.getLogger("guard.rules")

Callback = Callable[[int, int, int, int, object], bool | None]

NONE: tuple[int, ...] = ()

# Bytes. On some processors hyperscan 0.9.1 overlooks literals at the end of a block of 17 to 34 bytes (seen on one with
# AVX-512). It was not seen to in its streaming mode, nor in longer blocks.
SHORT = 64

VERSION = version("hyperscan")


class Expression(NamedTuple):
    """One thing to compile, numbered by its place. (Compiling is quadratic in how many share a number.)

    Attributes:
        rule: number of the rule that it belongs to.
        confirm: says whether what the prefilter found is there; None: it is.
    """

    rule: int
    text: str
    confirm: Callable[[str], bool] | None = None


class HyperscanEngine:
    """The engine of choice. With `kept`, see `guard.ruleset.engine.Kept`."""

    name = "hyperscan"

    def __init__(self, kept: Kept | None = None) -> None:
        self._kept = kept or Kept()

    def search(self, rules: Sequence[Terms]) -> Search:
        """See `Engine.search`."""
        expressions = _expressions(rules)
        short = self._database(expressions, hyperscan.HS_MODE_STREAM, rules)
        return _searching(self._database(expressions, hyperscan.HS_MODE_BLOCK, rules), short, expressions)

    def stream(self, rules: Sequence[Terms]) -> Callable[[], TextStream]:
        """See `Engine.stream`."""
        expressions = _expressions(rules)
        threads = _Threads(self._database(expressions, hyperscan.HS_MODE_STREAM, rules))
        owners = [expression.rule for expression in expressions]
        return lambda: _Stream(threads, owners)

    def _database(self, expressions: list[Expression], mode: int, rules: Sequence[Terms]) -> hyperscan.Database:
        """What was kept of these expressions, else a new one. Never one that another has, whose scratch is its own."""
        key = _key(expressions, mode)
        kept = self._kept.find(key)
        database = _restored(kept, mode) if kept is not None else None
        if database is None or kept is None:
            database = _compile(expressions, mode, rules)
            kept = hyperscan.dumpb(database)
        self._kept.used[key] = kept
        return database


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


def _searching(database: hyperscan.Database, short: hyperscan.Database, expressions: list[Expression]) -> Search:
    threads = _Threads(database)
    short_threads = _Threads(short)
    scan = database.scan

    def search(text: str) -> Sequence[int]:
        data = text.encode()
        if len(data) > SHORT:
            own = threads.__dict__
            hits: list[int] = own["hits"]
            scan(data, own["callback"], 0, None, own["scratch"])
        else:
            hits = short_threads.hits
            _scan_short(short_threads, data)
        if not hits:
            return NONE
        found = [expressions[number] for number in hits]
        hits.clear()
        return [rule for rule, _, confirm in found if confirm is None or confirm(text)]

    return search


def _scan_short(threads: _Threads, data: bytes) -> None:
    stream = threads.database.stream(threads.callback)
    stream.__enter__()
    stream.scan(data, 0, threads.scratch, threads.callback)
    stream.close(match_event_handler=threads.callback)


class _Stream:
    """One text in pieces, in hyperscan's streaming mode; its state is a few hundred bytes."""

    __slots__ = ("_keep", "_owners", "_scan", "_stream", "_threads")

    def __init__(self, threads: _Threads, owners: list[int]) -> None:
        self._threads = threads
        self._owners = owners
        # The binding does not keep these alive, and a stream outlives the thread's own space when threads come and go.
        self._keep = (threads.database, threads.callback)
        self._stream: hyperscan.Stream | None = threads.database.stream(threads.callback)
        self._stream.__enter__()
        self._scan = self._stream.scan

    def feed(self, text: str) -> Sequence[int]:
        threads = self._threads
        self._scan(text.encode(), 0, threads.scratch, threads.callback)
        return self._drain(threads.hits) if threads.hits else NONE

    def close(self) -> Sequence[int]:
        threads = self._threads
        stream, self._stream = self._stream, None
        if stream is None:
            return NONE
        stream.close(match_event_handler=threads.callback)
        return self._drain(threads.hits)

    def _drain(self, hits: list[int]) -> Sequence[int]:
        found = [self._owners[number] for number in hits]
        hits.clear()
        return found

    def __del__(self) -> None:
        # May run in the middle of a scan: it must not touch the thread's scratch space and hits.
        if self._stream is not None:
            self._stream.close(match_event_handler=_ignore)


def _ignore(_number: int, _start: int, _end: int, _flags: int, _context: object) -> None:
    """The callback of a stream that nobody listens to any more."""


def _expressions(rules: Sequence[Terms]) -> list[Expression]:
    expressions = []
    for number, terms in enumerate(rules):
        expressions += [Expression(number, render_text(literal, "hyperscan")) for literal in terms.literals]
        for pattern in terms.patterns:
            confirm = searcher(pattern) if pattern.confirm else None
            expressions.append(Expression(number, pattern.written("hyperscan"), confirm))
    return expressions


def _key(expressions: list[Expression], mode: int) -> str:
    """A name for what is made from these expressions by this version of hyperscan."""
    digest = sha256(f"hyperscan {VERSION} {mode}".encode())
    for expression in expressions:
        text = expression.text.encode()
        digest.update(b"%d %d " % (_flags(expression), len(text)) + text)
    return digest.hexdigest()


def _restored(kept: bytes, mode: int) -> hyperscan.Database | None:
    """The database that was kept; None: it does not fit here, e.g. because it was made on another processor."""
    try:
        database = hyperscan.loadb(kept, mode)
        # Closing a stream uses this one, and there is none where nothing was compiled.
        database.scratch = hyperscan.Scratch(database)
        return database
    except (hyperscan.HyperscanError, ValueError, TypeError) as error:
        logger.info("compiled rules that were kept are of no use here, and are compiled again: %s", error)
        return None


def _flags(expression: Expression) -> int:
    return PLAIN if expression.confirm is None else PREFILTER


def _compile(expressions: list[Expression], mode: int, rules: Sequence[Terms]) -> hyperscan.Database:
    database = hyperscan.Database(mode=mode)
    texts = [expression.text.encode() for expression in expressions]
    flags = [_flags(expression) for expression in expressions]
    try:
        database.compile(expressions=texts, ids=range(len(texts)), elements=len(texts), flags=flags)
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
