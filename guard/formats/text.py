"""Text that is in no document of an API: fields and files of forms, and bodies of other types."""

from __future__ import annotations

import re

from guard.formats.base import Prompt
from guard.formats.lenient import scalar

_UNIT = re.compile(r"\\u([0-9A-Fa-f]{4})")
_SHORT = (('\\"', '"'), ("\\/", "/"), ("\\n", "\n"), ("\\r", "\r"), ("\\t", "\t"))


def add_text(prompt: Prompt, content: bytes) -> bool:
    """Add what can be read in a content to a prompt, and tell whether it is text, that is, UTF-8.

    Whoever gets it may find JSON in it, or UTF-16: without JSON's escapes and without zero bytes it is one of the
    prompt's other strings, too.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return False
    if text:
        prompt.texts.append(text)
    if "\\" in text:
        prompt.others.append(_unescaped(text))
    if "\0" in text:
        prompt.others.append(text.replace("\0", ""))
    return True


def _unescaped(text: str) -> str:
    for escape, character in _SHORT:
        text = text.replace(escape, character)
    return scalar(_UNIT.sub(lambda unit: chr(int(unit[1], 16)), text)) if "\\u" in text else text
