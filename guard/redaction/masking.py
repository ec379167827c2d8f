"""Marks in the place of secrets in a text, counted by kind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from guard.redaction.rules import WITHHELD

if TYPE_CHECKING:
    from guard.redaction.secrets import Secrets

Named = tuple[int, int, str]
"""Where a secret begins and ends, and its kind; empty: a key."""

MOST = 50_000
"""Secrets in one text; beyond them it is left out."""

WORD = re.compile(r"[A-Za-z0-9._~-]+")
"""What no writer of JSON escapes."""

OUTSIDE = re.compile(r"[0-9.+eE-]+|true|false|null")
"""What may stand in JSON without being a string."""


class Masking:
    """The secrets to be masked in the texts of one record; `counts` are the marks made so far by kind."""

    def __init__(self, secrets: Secrets, line: bytes) -> None:
        """`line`: the record as it would be written."""
        self.counts: dict[str, int] = {}
        self._secrets = secrets
        self._rules = secrets.redaction.rules
        self._keys = secrets.keys
        if secrets.redaction.spot is not None:
            told = line.decode()
            more = [key for key in secrets.redaction.keys if key in told or '"' in key or "\\" in key]
            self._keys = [*dict.fromkeys([*secrets.keys, *more])]

    def _mask(self, text: str) -> str:
        """A text with a mark in place of each secret."""
        spans = self.spans(text)
        if spans is None:
            return self._withheld(text)
        return self.marked(text, spans) if spans else text

    def spans(self, text: str) -> list[Named] | None:
        """Where secrets are in a text, in order and apart; None: there are too many."""
        if sum(map(text.count, self._keys)) > MOST:
            return None
        spans = [(begin, end, "") for key in self._keys for begin, end in _places(text, key)]
        finder = self._rules.finder if self._rules is not None else None
        if finder is not None and finder.touches(text):
            assert self._rules is not None
            places = finder.places(text)
            if places is None:
                return None
            spans += [(begin, end, self._rules.names[number]) for begin, end, number in places]
        return _apart(sorted(spans)) if len(spans) <= MOST else None

    def marked(self, text: str, spans: list[Named]) -> str:
        """The text with a mark in place of each of these."""
        pieces = []
        at = 0
        for begin, end, name in spans:
            mark = self._mark(name, text[begin:end])
            pieces += [text[at:begin], mark]
            at = end
        return "".join(pieces) + text[at:]

    def _mark(self, name: str, secret: str) -> str:
        if not name or self._rules is None:
            return self._count(f"[key:{self._secrets.fingerprint(secret)}]", {"key": 1})
        return self._count(self._rules.mark(name, secret), {name: 1})

    def _without_keys(self, text: str) -> str:
        """The document, which is not one any more if a key is in its very structure."""
        spread = any(key in text and (OUTSIDE.fullmatch(key) or not WORD.fullmatch(key)) for key in self._keys)
        return self._mask_keys(text) if spread else text

    def _mask_keys(self, text: str) -> str:
        if sum(map(text.count, self._keys)) > MOST:
            return self._withheld(text)
        spans = [(begin, end, "") for key in self._keys for begin, end in _places(text, key)]
        return self.marked(text, _apart(sorted(spans)))

    def _withheld(self, text: str) -> str:
        return self._count(f"[{WITHHELD}:{len(text)}]", {WITHHELD: 1})

    def _count(self, mark: str, counts: dict[str, int]) -> str:
        for name, count in counts.items():
            self.counts[name] = self.counts.get(name, 0) + count
        return mark


def _places(text: str, key: str) -> Iterator[tuple[int, int]]:
    begin = text.find(key)
    while begin >= 0:
        yield begin, begin + len(key)
        begin = text.find(key, begin + len(key))


def _apart(spans: list[Named]) -> list[Named]:
    """Spans in order, those that overlap put together under the first one's name."""
    apart: list[Named] = []
    for begin, end, name in spans:
        if apart and begin < apart[-1][1]:
            apart[-1] = apart[-1][0], max(end, apart[-1][1]), apart[-1][2]
        else:
            apart.append((begin, end, name))
    return apart
