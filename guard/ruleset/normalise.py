"""The form of a text that rules are matched against, for texts that come whole and for texts that come in pieces.

Invisible characters are dropped, unusual line and space characters become a space, and what is left is folded with NFKC
and full case folding (Unicode Standard, section 3.13, D146) until folding changes nothing more, so that
``normalise(normalise(text)) == normalise(text)``.

A text falls into *segments*: one character that begins something, and the marks and vowels after it that can still
change it. No step looks over the border between two segments, so folding the segments one by one is folding the whole.
Marks beyond the thirtieth in a row are dropped, as in the Stream-Safe Text Format (UAX #15, section 13): it bounds what
a segment can hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from unicodedata import normalize

import regex

from guard.ruleset.positions import Positions

RUN = 30  # marks in a row that are kept
PIECE = 16_384  # characters folded at a time: a few milliseconds, for which nothing else in the process can run
PASSES = 10  # folding settles in three; the bound only keeps a mistake from looping

INVISIBLE = r"\p{Default_Ignorable_Code_Point}\ufff9-\ufffb\U000e0000-\U000e0fff"
# What can join the character before it: marks; Hangul vowels and finals with their compatibility and half-width forms;
# half-width sound marks; letters that are second in a composition; forms that unfold to a mark.
JOINING = (
    r"\p{M}\u1160-\u11ff\ud7b0-\ud7ff\u3130-\u318f\uffa0-\uffdf\uff9e\uff9f"
    r"\U00016d63-\U00016d6a"
)

SPACE = r"\x85\u1680\u2028\u2029"
SURROGATE = r"\ud800-\udfff"

_BEYOND_ASCII = regex.compile(r"[^\x00-\x7f]+")
_REPLACED = regex.compile(f"[{INVISIBLE}{SPACE}{SURROGATE}]")
_INVISIBLE = regex.compile(f"[{INVISIBLE}]+")
_SPACE = regex.compile(f"[{SPACE}]")
_SURROGATE = regex.compile(f"[{SURROGATE}]")
_EXCESS = regex.compile(f"([{JOINING}]{{{RUN}}})[{JOINING}]+")
_BEGINS = regex.compile(f"[^{JOINING}{INVISIBLE}]")
_SEGMENT = regex.compile(f"([^{JOINING}{INVISIBLE}]?)[{JOINING}{INVISIBLE}]*")


def normalise(text: str) -> str:
    """The text as rules see it. Unpaired surrogates become U+FFFD, so that the result can always be encoded."""
    if text.isascii():
        return text.lower()
    return _settled(text) if len(text) <= PIECE else "".join(map(_settled, _pieces(text)))


def _pieces(text: str) -> Iterator[str]:
    """A long text cut between segments, without the marks that folding would drop from overlong ones."""
    text = "".join([_INVISIBLE.sub("", text[at : at + PIECE]) for at in range(0, len(text), PIECE)])
    start = 0
    while start < len(text):
        begins = _BEGINS.search(text, start + PIECE)
        end = begins.start() if begins is not None else len(text)
        yield text[start : min(end, start + PIECE + RUN)]
        start = end


def _settled(text: str) -> str:
    for _ in range(PASSES):
        folded = _fold(text)
        if folded == text:
            break
        text = folded
    return text


def _fold(text: str) -> str:
    # Most texts have a few characters beyond ASCII and nothing to replace: asking those few first is five times faster.
    beyond = "".join(_BEYOND_ASCII.findall(text))
    if _REPLACED.search(beyond):
        text = _INVISIBLE.sub("", text)
        text = _SPACE.sub(" ", text)
        text = _SURROGATE.sub("\ufffd", text)
    if _EXCESS.search(beyond):
        text = _EXCESS.sub(r"\1", text)
    return normalize("NFKC", text.casefold())


class Normaliser:
    """`normalise` for a text that comes in pieces, and the way back from its positions to those of the raw text.

    Whatever the pieces, the concatenation of what `feed` and `close` return equals ``normalise(whole)``. The last
    segment is held back until the next one begins, because what follows can still change it.

    Attributes:
        fed: raw characters fed so far.
        pending: visible characters of the segment held back, at most ``RUN + 1``.
    """

    __slots__ = ("_pending_raw", "_positions", "_room", "fed", "pending")

    def __init__(self) -> None:
        self.fed = 0
        self.pending = ""
        self._pending_raw = 0
        self._room = RUN
        self._positions = Positions()

    def feed(self, text: str) -> str:
        """The next part of the normalised text."""
        if not text:
            return ""
        self.fed += len(text)
        if text.isascii() and self._pending_raw == len(self.pending) <= 1 and self.pending.isascii():
            settled = (self.pending + text[:-1]).lower()
            self._positions.add(len(settled), len(settled), exact=True)
            self.pending, self._pending_raw, self._room = text[-1], 1, RUN
            return settled
        return "".join([self._segment(match.group(1), match.group()) for match in _SEGMENT.finditer(text)])

    def close(self) -> str:
        """The end of the normalised text; nothing may be fed after it."""
        return self._settle()

    def raw(self, position: int) -> int:
        """The raw index at or before the raw character that normalised index `position` came from.

        Exact where characters map one to one, else the beginning of the segment. Positions must not go backwards from
        call to call; the end of what was returned so far is where the segment held back begins.
        """
        return self._positions.raw(position)

    def _segment(self, base: str, raw: str) -> str:
        """Begin a segment with `base`, or go on with the one held back when there is none."""
        settled = ""
        if base:
            settled = self._settle()
            self.pending = base
        joining = _INVISIBLE.sub("", raw[len(base) :])[: self._room]
        self._room -= len(joining)
        self.pending += joining
        self._pending_raw += len(raw)
        return settled

    def _settle(self) -> str:
        settled = normalise(self.pending)
        self._positions.add(len(settled), self._pending_raw, exact=len(settled) == self._pending_raw == 1)
        self.pending, self._pending_raw, self._room = "", 0, RUN
        return settled
