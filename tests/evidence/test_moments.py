"""Points in time."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.evidence.moments import moment

NOW = 1_000_000_000.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", NOW - 90),
        ("30m", NOW - 1_800),
        ("1.5h", NOW - 5_400),
        ("7d", NOW - 604_800),
        ("1w", NOW - 604_800),
        ("999999w", 0),
        ("2001-09-09", 999_993_600),
        ("2001-09-09T01:46:40", NOW),
        ("2001-09-09 01:46:40.500Z", NOW + 0.5),
        ("2001-09-09T03:46:40+02:00", NOW),
    ],
)
def test_moment(text, expected):
    """So long ago, or a date with or without a zone, which is UTC then."""
    assert moment(text, NOW) == expected


@pytest.mark.parametrize("text", ["", "2", "2 hours", "-1h", "h", "yesterday", "2001-13-01"])
def test_what_means_nothing_is_refused(text):
    """Anything else is an error that shows what is expected."""
    with pytest.raises(ValueError, match="expected one such as"):
        moment(text, NOW)


@given(st.text())
def test_nothing_upsets_it(text):
    """Any text is a time or a ValueError."""
    with suppress(ValueError):
        assert isinstance(moment(text, NOW), float)
