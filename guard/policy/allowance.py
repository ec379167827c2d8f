"""What callers are told of their limits: header lines, of the tightest limit on requests and of that on tokens.

``RateLimit`` and ``RateLimit-Policy`` are those of draft-ietf-httpapi-ratelimit-headers-09 (``tokens`` is a unit that
its registry does not have yet), the ``x-ratelimit-*`` ones those that OpenAI's API sends. Both count whole units.
"""

from __future__ import annotations

import re
from math import ceil

from guard.policy.limits import TOKENS, Limit

KEPT = 1_024
_KEPT: dict[str, tuple[bytes, bytes]] = {}

Standing = tuple[Limit, float, float]
"""How a caller stands with a limit: the units that are left, and in how many seconds its burst is whole again (or,
where none are left, some will be).
"""


def allowance(requests: Standing | None, tokens: Standing | None) -> bytes:
    """The header lines for these."""
    if tokens is None:
        return _lines(requests, both=True) if requests is not None else b""
    if requests is None:
        return _lines(tokens, both=True)
    by_tokens = tokens[1] * requests[0].quota < requests[1] * tokens[0].quota
    return _lines(requests, both=not by_tokens) + _lines(tokens, both=by_tokens)


def with_allowance(lines: bytes, requests: Standing | None, tokens: Standing | None) -> bytes:
    """The lines of a model's answer (names in lower case) and these, in the place of its own."""
    told = allowance(requests, tokens)
    if told and b"ratelimit" in lines:
        kinds = [name for name, one in ((b"requests", requests), (b"tokens", tokens)) if one is not None]
        name = rb"ratelimit(?:-policy)?|x-ratelimit-(?:limit|remaining|reset)-(?:%b)" % b"|".join(kinds)
        lines = re.sub(rb"(?m)^(?:%b):[^\r\n]*\r\n" % name, b"", lines)
    return lines + told


def _lines(standing: Standing, *, both: bool) -> bytes:
    """OpenAI's lines, and the standard's too if they are for this one."""
    limit, left, seconds = standing
    units = int(left) if left > 0.0 else 0
    # As OpenAI has them, and Go reads them.
    reset = b"%ds" % ceil(seconds) if seconds >= 1.0 else b"%dms" % (seconds * 1_000)
    if both:
        return _words(limit)[0] % (units, ceil(seconds), units, reset)
    return _words(limit)[1] % (units, reset)


def _words(limit: Limit) -> tuple[bytes, bytes]:
    """The lines of a limit, but for what changes; kept by its key, which is soon hashed."""
    words = _KEPT.get(limit.key)
    if words is None:
        if len(_KEPT) >= KEPT:
            _KEPT.clear()
        words = _KEPT[limit.key] = _make_words(limit)
    return words


def _make_words(limit: Limit) -> tuple[bytes, bytes]:
    quota = max(int(limit.quota), 1)
    is_tokens = limit.kind == TOKENS
    name, what = limit.per.encode(), b"tokens" if is_tokens else b"requests"
    if is_tokens:
        name += b"-tokens"
    unit = b';qu="tokens"' if is_tokens else b""
    common = b'ratelimit-policy: "%b";q=%d;w=%d%b\r\nratelimit: "%b";r=%%d;t=%%d\r\n' % (
        name, quota, limit.window, unit, name,
    )  # fmt: skip
    own = b"x-ratelimit-limit-%b: %d\r\nx-ratelimit-remaining-%b: %%d\r\nx-ratelimit-reset-%b: %%b\r\n" % (
        what, quota, what, what,
    )  # fmt: skip
    return common + own, own
