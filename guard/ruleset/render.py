"""Writing a pattern's tree down again in an engine's own notation, with nothing left to that engine's taste."""

from __future__ import annotations

from typing import Literal

from guard.ruleset.characters import LAST, Ranges, complement
from guard.ruleset.syntax import Again, At, Choice, Group, Look, Node, One, Repeat, Sequence, Text

Notation = Literal["hyperscan", "regex"]

PLACES = {"start": r"\A", "boundary": r"\b", "inside": r"\B"}
END = {"hyperscan": r"\z", "regex": r"\Z"}


def render(node: Node, notation: Notation) -> str:
    """The tree in one engine's notation, to be compiled without any flag that changes letters or classes."""
    match node:
        case Text(characters):
            return render_text(characters, notation)
        case One(ranges):
            return _set(ranges, notation)
        case Sequence(items):
            parts = [_atom(item, notation) if isinstance(item, Choice) else render(item, notation) for item in items]
            return "".join(parts)
        case Choice(branches):
            return "|".join([render(branch, notation) for branch in branches])
        case Repeat(item, low, high):
            return f"{_atom(item, notation)}{{{low},{'' if high is None else high}}}"
        case At(place):
            return END[notation] if place == "end" else PLACES[place]
        case Group(item):
            return f"({render(item, notation)})"
        case Again(number):
            return f"(?:\\{number})"
        case Look(item, ahead, negative):
            return f"(?{'' if ahead else '<'}{'!' if negative else '='}{render(item, notation)})"


def render_text(characters: str, notation: Notation) -> str:
    """Exactly these characters."""
    return "".join([_character(ord(character), notation) for character in characters])


def _atom(node: Node, notation: Notation) -> str:
    return render(node, notation) if isinstance(node, One | Group) else f"(?:{render(node, notation)})"


def _set(ranges: Ranges, notation: Notation) -> str:
    # The negated form is the short one for sets such as everything but a newline. `regex` never gets it: the library
    # joins neighbouring branches that are negated sets wrongly ([^a]|[^b] does not find "a").
    negative = notation == "hyperscan" and ranges[0][0] == 0 and ranges[-1][1] == LAST and len(ranges) > 1
    members = "".join(
        [
            _character(low, notation) if low == high else f"{_character(low, notation)}-{_character(high, notation)}"
            for low, high in (complement(ranges) if negative else ranges)
        ]
    )
    return f"[{'^' if negative else ''}{members}]"


def _character(code: int, notation: Notation) -> str:
    if code < 0x80:
        return chr(code) if chr(code).isalnum() else f"\\x{code:02x}"
    return f"\\x{{{code:x}}}" if notation == "hyperscan" else f"\\U{code:08x}"
