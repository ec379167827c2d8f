"""Where patterns match, with `regex`: from every place the longest match, within a bounded time."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic

import regex

from guard.ruleset.redactor import Places, Span, joined
from guard.ruleset.render import render
from guard.ruleset.syntax import Node

TIMEOUT = 0.1  # seconds for all patterns on one text
FLAGS = regex.ASCII | regex.VERSION0 | regex.POSIX


def places(trees: Sequence[Node], most: int) -> Places:
    """Compile patterns; a text with more than `most` matches, or one that takes too long, is one with too many."""
    patterns = [regex.compile(render(tree, "regex"), flags=FLAGS) for tree in trees]

    def find(text: str) -> list[Span] | None:
        spans: list[Span] = []
        until = monotonic() + TIMEOUT
        try:
            for number, pattern in enumerate(patterns):
                left = max(until - monotonic(), 0.001)
                for match in pattern.finditer(text, overlapped=True, timeout=left):
                    spans.append((*match.span(), number))
                    if len(spans) > most:
                        return None
        except TimeoutError:
            return None
        return joined(spans)

    return find
