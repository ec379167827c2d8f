"""Networks that somebody else's list should not make the guard block: they would be an outage of one's own."""

from __future__ import annotations

from collections.abc import Iterable

from guard.blocklists.entry import Entry, LeftOut
from guard.wire.intervals import Stretch
from guard.wire.networks import stretch, too_wide

LOOPBACK = ("127.0.0.0/8", "::1")


def own_goals(entries: Iterable[Entry], trusted_proxies: Iterable[str]) -> list[LeftOut]:
    """Those of the entries that are wider than anybody's, hold this machine, or a proxy whose word the guard takes."""
    guarded = [(stretch(text), "this machine's own addresses") for text in LOOPBACK]
    guarded += [(stretch(text), f"a network of identify.trusted_proxies ({text})") for text in trusted_proxies]
    found = []
    for entry in entries:
        if entry.kind == "ip":
            one = stretch(entry.value)
            whom = (f"it holds {who}" for other, who in guarded if _meet(one, other))
            why = too_wide(entry.value) or next(whom, "")
            if why:
                found.append(LeftOut(entry.value, why))
    return found


def _meet(one: Stretch, other: Stretch) -> bool:
    return len(one.first) == len(other.first) and one.first <= other.last and other.first <= one.last
