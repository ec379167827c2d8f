"""Words of others in the guard's messages."""

import pytest

from guard.store.errors import plain


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError("no route"), "no route"),
        (OSError("one\nline.\x1b "), "one line"),
        (OSError(), "OSError"),
        (OSError("x" * 1_000), "x" * 300),
    ],
)
def test_what_others_say_is_one_short_line(error, expected):
    """With nothing in it that a terminal would act on."""
    assert plain(error) == expected
