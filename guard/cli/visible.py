"""Text from outside, made safe for a terminal: what moves the cursor, hides or reorders text is shown as an escape."""

from __future__ import annotations

import re

# Besides controls: format characters (soft hyphen, zero-width, bidi, tags), line and paragraph separators, surrogates,
# variation selectors, and fillers that look like nothing.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u070f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_NAMES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def visible(text: str, *, lines: bool = False) -> str:
    """The text with every character that a terminal would not show as itself escaped; `lines` keeps line breaks."""
    return _HIDDEN.sub(lambda match: _escape(match[0], lines), text)


def _escape(character: str, lines: bool) -> str:
    if lines and character == "\n":
        return character
    number = ord(character)
    width = 2 if number < 0x100 else 4 if number < 0x10000 else 8
    return _NAMES.get(character) or f"\\{'xuU'[width // 4]}{number:0{width}x}"
