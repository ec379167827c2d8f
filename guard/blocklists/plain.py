"""Plain lists: an address, a network or a range a line, and comments behind ``#`` or ``;``, as in Spamhaus' DROP."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import ip_address, summarize_address_range

from guard.blocklists.entry import Entry, Gathered, LeftOut, Listed, reason_of, shown, text_of
from guard.wire.address import zoneless
from guard.wire.naming import network

EXPECTED = "an address, a network such as 203.0.113.0/24, or a range 203.0.113.1-203.0.113.9"
_LINE = re.compile(r"([^#;]*)(?:[#;]\s*(.*))?", re.DOTALL)


def read(data: bytes, now: float) -> Listed:
    """Read a list.

    Raises:
        ListError: it has mistakes; each is told with its line.
    """
    found = Gathered(now)
    for number, line in enumerate(text_of(data).split("\n"), 1):
        match = _LINE.fullmatch(line)
        assert match is not None
        text = match[1].strip()
        if not text:
            continue
        try:
            for value in _networks(text):
                found.add(Entry("ip", value, reason=reason_of(match[2])))
        except (ValueError, TypeError):
            found.wrong(f"line {number}", f"{shown(text)} is none", EXPECTED)
    return found.listed()


def write(entries: Iterable[Entry]) -> tuple[bytes, list[LeftOut]]:
    """A list of those that are addresses or networks; and what has no place in it."""
    lines: list[str] = []
    left_out: list[LeftOut] = []
    for entry in entries:
        if entry.kind != "ip":
            left_out.append(LeftOut(f"{entry.kind} {entry.value}", "a plain list has addresses and networks only"))
        elif entry.simulated:
            left_out.append(LeftOut(f"ip {entry.value}", "it is simulated, and a plain list would block it"))
        else:
            lines.append(entry.value)
    return "".join(f"{line}\n" for line in lines).encode(), left_out


def _networks(text: str) -> Iterator[str]:
    first, dash, last = zoneless(text).partition("-")
    if not dash:
        yield network(text)
        return
    for one in summarize_address_range(ip_address(first.strip()), ip_address(last.strip())):
        yield network(str(one))
