"""The shape of exchanges."""

import pytest

from guard.evidence.joining import join
from guard.evidence.shape import check
from tests.support.journals import exchange


def test_what_the_guard_writes_has_it():
    """An exchange as it is written passes, and so does what there is of one that is not whole."""
    for lines in (exchange("a"), exchange("a")[:1], exchange("a")[1:]):
        check(join(lines))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", 7),
        ("at", "now"),
        ("at", -1),
        ("at", 1e300),
        ("client", 7),
        ("client", {"address": 7}),
        ("route", {}),
        ("request", "x"),
        ("response", None),
        ("response", {"status": "200"}),
        ("prompt", "x"),
        ("prompt", [None]),
        ("output", [7]),
        ("attempts", [7]),
        ("findings", [{"rule": []}]),
        ("usage", {"total_tokens": "9"}),
        ("usage", {"total_tokens": 2**63}),
        ("timings", {"total_us": "9"}),
        ("end", 7),
        ("session", {}),
        ("frames", [7]),
        ("frames", [{"at": 1}]),
    ],
)
def test_other_shapes_are_refused(name, value):
    """A value of another shape is an error that says where."""
    with pytest.raises(ValueError, match=name):
        check({**join(exchange("a")), name: value})
