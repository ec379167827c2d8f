"""Texts that come in pieces, on their way to the journal: a secret that runs over several of them must not get there.

What may still turn out to be the beginning of a secret waits for the next piece, so that it is replaced as a whole.
The bytes that the pieces came in cannot be mended so: where a secret runs over several of them, they are not stored.
"""

from __future__ import annotations

from typing import NamedTuple

import orjson

from guard.redaction.masking import Named
from guard.redaction.rewriting import Rewriting
from guard.redaction.rules import at
from guard.redaction.secrets import Secrets
from guard.redaction.texts import strings

KEEP = 4_096
"""Characters that wait where patterns are configured: a longer match in a stream may be stored in part."""

VIEW = 256
"""Characters before a text that are looked at with it."""

TELLING = 4
"""From so many characters on the beginning of a key is told by: less of one is what many texts end with."""

CHANNELS = 1_024
"""How many texts may wait; those of further channels are redacted piece by piece."""

Pieces = dict[str, list[str]]
"""New pieces of texts, by channel."""


class Taken(NamedTuple):
    """Redacted texts by channel; whether the bytes that they came in are not fit to be stored; marks by kind."""

    output: list[tuple[str, str]]
    unfit: bool
    counts: dict[str, int]


class Seams:
    """The texts of one answer."""

    __slots__ = ("_before", "_counts", "_held", "_secrets", "_trivial")

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._held: dict[str, str] = {}
        self._before: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._trivial = not (secrets.keys or secrets.redaction.spot or secrets.redaction.rules)

    def hide(self, data: bytes, texts: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """The texts of an event or message without those that stand in a configured field of it."""
        rules = self._secrets.redaction.rules
        if rules is None or not rules.fields:
            return texts
        try:
            document = orjson.loads(data)
        except orjson.JSONDecodeError:
            return texts
        marks = {
            text: (rules.mark(field.name, text), field.name)
            for field in rules.fields
            for container, place in at([document], ("0", *field.tokens))
            for text in strings(container[place])
        }
        return [(channel, self._hidden(text, marks)) for channel, text in texts] if marks else texts

    def take(self, pieces: Pieces, *, last: bool) -> Taken:
        """Take pieces, and give what can be stored now; `last`: nothing follows, and everything can."""
        if self._trivial:
            return Taken([(channel, "".join(texts)) for channel, texts in pieces.items()], unfit=False, counts={})
        output, unfit = [], bool(pieces) and self._secrets.redaction.rules is not None
        for channel in [*pieces, *(name for name in self._held if name not in pieces)] if last else list(pieces):
            text, seam = self._take(channel, pieces.get(channel, []), last=last)
            unfit = unfit or seam
            if text:
                output.append((channel, text))
        counts, self._counts = self._counts, {}
        return Taken(output, unfit, counts)

    def _take(self, channel: str, pieces: list[str], *, last: bool) -> tuple[str, bool]:
        held = self._held.pop(channel, "")
        text = held + "".join(pieces)
        last = last or len(self._held) >= CHANNELS
        cut, seam = (len(text), False) if last else self._undecided(text)
        if not self._secrets.touches(text):
            self._keep(channel, text, cut)
            return text[:cut], seam
        rewriting = Rewriting(self._secrets, text.encode("utf-8", "surrogatepass"), None)
        spans = self._spans(rewriting, channel, text)
        if spans is None:
            self._count({"withheld": 1})
            return f"[withheld:{len(text)}]", True
        cut = min([cut, *(begin for begin, end, _ in spans if begin < cut < end)])
        seam = seam or _crosses(spans, [held, *pieces])
        written = rewriting.marked(text[:cut], [span for span in spans if span[1] <= cut])
        self._count(rewriting.counts)
        self._keep(channel, text, cut)
        return written, seam

    def _spans(self, rewriting: Rewriting, channel: str, text: str) -> list[Named] | None:
        """Where secrets are, found with what came before the text in view: whether a word begins depends on it."""
        before = self._before.get(channel, "")
        spans = rewriting.spans(before + text)
        if spans is None or not before:
            return spans
        shift = len(before)
        return [(max(begin - shift, 0), end - shift, name) for begin, end, name in spans if end > shift]

    def _undecided(self, text: str) -> tuple[int, bool]:
        """From where on a secret may be under way, and whether that is so much of a key as to tell."""
        rules = self._secrets.redaction.rules
        cut = max(len(text) - KEEP, 0) if rules is not None and rules.finder is not None else len(text)
        begins = [_begins(text, key) for key in self._all_keys()]
        first = min(begins, default=len(text))
        return min(cut, first), len(text) - first >= TELLING

    def _all_keys(self) -> list[str]:
        redaction = self._secrets.redaction
        return self._secrets.keys if redaction.spot is None else [*self._secrets.keys, *redaction.keys]

    def _keep(self, channel: str, text: str, cut: int) -> None:
        if cut < len(text):
            self._held[channel] = text[cut:]
        if cut and self._secrets.redaction.rules is not None and len(self._before) < CHANNELS:
            self._before[channel] = (self._before.get(channel, "") + text[:cut])[-VIEW:]

    def _hidden(self, text: str, marks: dict[str, tuple[str, str]]) -> str:
        if text not in marks:
            return text
        mark, name = marks[text]
        self._count({name: 1})
        return mark

    def _count(self, counts: dict[str, int]) -> None:
        for name, count in counts.items():
            self._counts[name] = self._counts.get(name, 0) + count


def _begins(text: str, key: str) -> int:
    """Where, at the end of the text, the key may have begun; its length: nowhere."""
    at = text.find(key[0], max(len(text) - len(key) + 1, 0))
    while at >= 0 and not key.startswith(text[at:]):
        at = text.find(key[0], at + 1)
    return at if at >= 0 else len(text)


def _crosses(spans: list[Named], pieces: list[str]) -> bool:
    """Whether any of the spans lies in more than one piece."""
    edge = 0
    for piece in pieces[:-1]:
        edge += len(piece)
        if any(begin < edge < end for begin, end, _ in spans):
            return True
    return False
