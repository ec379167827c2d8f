"""The formats by the names that the configuration gives them."""

from __future__ import annotations

from collections.abc import Sequence

from guard.formats.anthropic import Anthropic
from guard.formats.base import Format
from guard.formats.generic import Generic
from guard.formats.openai import OpenAI


def format_for(name: str, prompt_pointers: Sequence[str] = (), output_pointers: Sequence[str] = ()) -> Format:
    """Return the format of that name: ``openai``, ``anthropic`` or ``generic``; pointers are for ``generic`` only.

    Raises ValueError for another name, for a pointer that RFC 6901 does not allow, and for pointers where the format
    itself knows the places.
    """
    if name == "generic":
        return Generic(prompt_pointers, output_pointers)
    if name not in _KNOWN:
        raise ValueError(f"format {name!r}: expected one of {', '.join([*_KNOWN, 'generic'])}")
    if prompt_pointers or output_pointers:
        raise ValueError(f"format {name!r}: it knows where prompt and output are; pointers are for 'generic'")
    return _KNOWN[name]


_KNOWN: dict[str, Format] = {format.name: format for format in (OpenAI(), Anthropic())}
