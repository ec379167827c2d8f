"""The formats of lists, by name."""

from __future__ import annotations

from collections.abc import Iterable

from guard.blocklists import crowdsec, own, plain, stix
from guard.blocklists.entry import MOST_BYTES, Entry, LeftOut, Listed, ListError, Problem


def read(data: bytes, format: str, now: float) -> Listed:
    """Read a list; `now` (seconds since the epoch) says what of it is over.

    Raises:
        ListError: it has mistakes, all of which it names.
    """
    if len(data) > MOST_BYTES:
        raise ListError([Problem("the list", f"it has more than {MOST_BYTES} bytes", "several smaller lists")])
    match format:
        case "crowdsec":
            return crowdsec.read(data, now)
        case "stix":
            return stix.read(data, now)
        case "plain":
            return plain.read(data, now)
    return own.read(data, now)


def write(entries: Iterable[Entry], format: str, now: float) -> tuple[bytes, list[LeftOut]]:
    """A list of entries, and what of them the format has no way to say."""
    match format:
        case "crowdsec":
            return crowdsec.write(entries, now)
        case "stix":
            return stix.write(entries, now)
        case "plain":
            return plain.write(entries)
    return own.write(entries)
