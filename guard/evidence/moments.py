"""Points in time as people say them: so long ago, or a date."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_AGO = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def moment(text: str, now: float) -> float:
    """Seconds since the epoch of what `text` means: `90s`, `30m`, `2h`, `7d` or `1w` before `now`, or ISO 8601.

    A date alone is its first moment; a time without a zone is in UTC, as everything that the guard prints.

    Raises:
        ValueError: it means nothing.
    """
    if ago := _AGO.fullmatch(text):
        return max(now - float(ago[1]) * _SECONDS[ago[2]], 0.0)
    try:
        found = datetime.fromisoformat(text.strip())
        return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r} is no time; expected one such as 30m, 2h or 7d (ago), 2026-11-25 or 2026-11-25T22:10Z"
        ) from None
