"""What is prompt in a form: all of its texts, its names and its file names. Files that are no text are not read."""

from __future__ import annotations

from guard.formats.base import Prompt
from guard.formats.text import add_text
from guard.refusal import Refusal
from guard.wire.media import UTF8
from guard.wire.multipart import BadForm, Form, Part


def form_prompt(form: Form) -> Prompt:
    """Sort the strings of a form; its fields ``model`` and ``stream`` say what those of a JSON document would.

    Raises:
        BadForm: a field, or a file of a type that is text, is not UTF-8; ``model`` is there twice, or is a file.
        Refusal: 415 where a part, or the field ``_charset_``, tells of another charset.
    """
    prompt = Prompt([], [], form.text("model"), (form.text("stream") or "").strip().lower() in {"true", "1"})
    if (form.text("_charset_") or "utf-8").lower() not in UTF8:  # RFC 7578, section 4.6
        raise unsupported_charset()
    for part in form.parts:
        prompt.others += (part.name, part.filename) if part.filename else (part.name,)
        if part.media is not None:
            prompt.others.append(bytes(part.media).decode())
            if not part.media.is_utf8:
                raise unsupported_charset()
        if not add_text(prompt, part.content) and _has_to_be_text(part):
            raise BadForm(f"the part {part.name[:64]!r} is not UTF-8")
    return prompt


def unsupported_charset() -> Refusal:
    """The refusal of a body that is in another charset by its own words."""
    return Refusal(415, "unsupported_charset", "expected UTF-8, and no other charset in the content type")


def _has_to_be_text(part: Part) -> bool:
    return part.filename is None or (part.media is not None and part.media.is_text)
