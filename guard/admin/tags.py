"""Entity tags: by them a caller says which state it has seen.

A collection's is the version of the control log and how many measures are in it (some end by themselves, which is no
new version); that of one measure is the version that it came with. Where machines share a store, the version is the
store's, and behind it stands how many records this machine's own log has, which may be ahead while the store is away.
"""

from __future__ import annotations

import re

_TAG = re.compile(r'(?:W/)?"([^"\x00-\x20\x7f]*)"')
_STAMP = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,18}))?(?:-[0-9]+)?")


def tag(stamp: str | int, count: int | None = None) -> str:
    """The tag of a state, by the desk's stamp of it."""
    return f'"{stamp}"' if count is None else f'"{stamp}-{count}"'


def matches(header: str, current: str, *, weak: bool = False) -> bool:
    """Whether one of a header's tags is the current one; ``*`` is any. Only a `weak` comparison takes weak tags."""
    if header.strip() == "*":
        return True
    found = (one for one in _TAG.finditer(header) if weak or not one[0].startswith("W/"))
    return any(f'"{one[1]}"' == current for one in found)


def version_of(header: str) -> tuple[int | None, int | None]:
    """The version that an ``If-Match`` wants (None: any, ``*``), and the records of this machine's log, if it says so.

    What is no tag of ours is of a version that there is not: -1.
    """
    if header.strip() == "*":
        return None, None
    found = _TAG.fullmatch(header.strip())
    stamp = _STAMP.fullmatch(found[1]) if found and not found[0].startswith("W/") else None
    if stamp is None:
        return -1, None
    return int(stamp[1]), int(stamp[2]) if stamp[2] else None
