"""Token counts, in the same words whatever the API calls them."""

from __future__ import annotations

from typing import Any

MOST = 2**53
"""A larger count is no count; and neither sums nor JSON numbers are exact beyond."""


def usage_of(told: Any) -> dict[str, int] | None:
    """Return the counts of an API's `usage` object under common names, or None where it holds none.

    ``input_tokens`` counts all that the model read. The Messages API tells what came from its cache, or went into it,
    apart from the rest; here they are one sum, and ``cached_tokens`` is the part that was read from the cache.
    """
    if type(told) is not dict:
        return None
    read = _count(told.get("prompt_tokens", told.get("input_tokens")))
    written = _count(told.get("completion_tokens", told.get("output_tokens")))
    total = _count(told.get("total_tokens"))
    if read is None and written is None and total is None:
        return None
    cached = reasoning = None
    if details := told.get("prompt_tokens_details", told.get("input_tokens_details")):
        cached = _detail(details, "cached_tokens")
    if details := told.get("completion_tokens_details", told.get("output_tokens_details")):
        reasoning = _detail(details, "reasoning_tokens", "thinking_tokens")
    if "cache_read_input_tokens" in told or "cache_creation_input_tokens" in told:
        cached = _count(told.get("cache_read_input_tokens")) or 0
        read = (read or 0) + cached + (_count(told.get("cache_creation_input_tokens")) or 0)
    read, written = read or 0, written or 0
    usage = {"input_tokens": read, "output_tokens": written, "total_tokens": read + written if total is None else total}
    if cached is not None:
        usage["cached_tokens"] = cached
    if reasoning is not None:
        usage["reasoning_tokens"] = reasoning
    return usage


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= MOST else None


def _detail(details: Any, *names: str) -> int | None:
    """Return the first count that there is under these names in an object of details."""
    if type(details) is dict:
        for name in names:
            if (count := _count(details.get(name))) is not None:
                return count
    return None
