"""Where patterns match, with hyperscan: one pass, in time linear in the text."""

from __future__ import annotations

from collections.abc import Sequence
from threading import local

import hyperscan

from guard.ruleset.engine import EngineError
from guard.ruleset.hyperscan_engine import SHORT
from guard.ruleset.redactor import Places, Span, joined
from guard.ruleset.render import render
from guard.ruleset.syntax import Node

FLAGS = hyperscan.HS_FLAG_UTF8 | hyperscan.HS_FLAG_SOM_LEFTMOST
STREAM = hyperscan.HS_MODE_STREAM | hyperscan.HS_MODE_SOM_HORIZON_LARGE


class _Threads(local):
    """What each thread needs of its own; see `guard.ruleset.hyperscan_engine`."""

    def __init__(self, database: hyperscan.Database, most: int) -> None:
        self.database = database
        self.scratch = hyperscan.Scratch(database)
        self.found: list[Span] = []
        found = self.found

        def on_match(number: int, start: int, end: int, _flags: int, _context: object) -> bool | None:
            found.append((start, end, number))
            return True if len(found) > most else None

        self.callback = on_match


def places(trees: Sequence[Node], most: int) -> Places:
    """Compile patterns; a text in which more than `most` ends of matches are reported is one with too many.

    Raises:
        EngineError: hyperscan cannot compile some.
    """
    block = _Threads(_compile(trees, hyperscan.HS_MODE_BLOCK), most)
    stream = _Threads(_compile(trees, STREAM), most)

    def find(text: str) -> list[Span] | None:
        data = text.encode()
        own = block if len(data) > SHORT else stream
        own.found.clear()
        try:
            _scan(own, data)
        except hyperscan.ScanTerminated:
            return None
        spans = joined(own.found)
        return spans if len(data) == len(text) else _in_characters(spans, data)

    return find


def _scan(own: _Threads, data: bytes) -> None:
    if len(data) > SHORT:
        own.database.scan(data, own.callback, 0, None, own.scratch)
        return
    stream = own.database.stream(own.callback)
    stream.__enter__()
    try:
        stream.scan(data, 0, own.scratch, own.callback)
    finally:
        stream.close(match_event_handler=own.callback)


def _in_characters(spans: list[Span], data: bytes) -> list[Span]:
    """The spans (of bytes) counted in characters."""
    at = count = 0
    places: dict[int, int] = {}
    for place in sorted({place for start, end, _ in spans for place in (start, end)}):
        count += len(data[at:place].decode())
        at = place
        places[place] = count
    return [(places[start], places[end], number) for start, end, number in spans]


def _compile(trees: Sequence[Node], mode: int) -> hyperscan.Database:
    texts = [render(tree, "hyperscan").encode() for tree in trees]
    database = hyperscan.Database(mode=mode)
    try:
        database.compile(expressions=texts, ids=range(len(texts)), elements=len(texts), flags=[FLAGS] * len(texts))
    except hyperscan.HyperscanError as error:
        raise EngineError(str(error), _faults(texts, mode) or [(0, "", str(error))]) from error
    return database


def _faults(texts: Sequence[bytes], mode: int) -> list[tuple[int, str, str]]:
    """Which of them hyperscan refuses."""
    faults = []
    for number, text in enumerate(texts):
        try:
            hyperscan.Database(mode=mode).compile(expressions=[text], ids=[0], elements=1, flags=[FLAGS])
        except hyperscan.HyperscanError as error:
            faults.append((number, text.decode(), f"hyperscan cannot tell where it begins: {error}"))
    return faults
