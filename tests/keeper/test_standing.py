"""What the keeper's parts know of each other."""

from guard.keeper.standing import Standing


def test_nothing_is_known_at_first():
    """A standing begins empty, and each is one of its own."""
    one, other = Standing(), Standing()
    one.durable["w1"] = 5
    assert (other.durable, other.signed, other.shipped) == ({}, {}, {})
