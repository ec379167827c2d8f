"""Entity tags."""

import pytest

from guard.admin.tags import matches, tag, version_of


def test_a_tag_is_a_version_and_a_count():
    """Of one measure the version alone."""
    assert (tag(7), tag(7, 2)) == ('"7"', '"7-2"')


@pytest.mark.parametrize(
    ("header", "strong", "weak"),
    [
        ('"7-2"', True, True),
        ("*", True, True),
        ('"1", "7-2"', True, True),
        ('W/"7-2"', False, True),
        ('"7"', False, False),
        ("7-2", False, False),
        ("", False, False),
    ],
)
def test_a_header_has_the_current_one_or_not(header, strong, weak):
    """Weak tags count only where nothing is changed."""
    assert (matches(header, '"7-2"'), matches(header, '"7-2"', weak=True)) == (strong, weak)


@pytest.mark.parametrize(
    ("header", "version"),
    [
        ("*", (None, None)),
        ('"7"', (7, None)),
        ('"7-2"', (7, None)),
        ('"7.9-2"', (7, 9)),
        (' "7" ', (7, None)),
        ('W/"7"', (-1, None)),
        ("7", (-1, None)),
        ('"x"', (-1, None)),
        ('"7", "8"', (-1, None)),
    ],
)
def test_the_version_that_is_wanted(header, version):
    """What is no tag of ours is none that there is."""
    assert version_of(header) == version
