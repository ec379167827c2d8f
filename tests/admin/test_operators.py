"""Operators and their tokens."""

import pytest

from guard.admin.operators import ROLES, Principal, bearer, digest, new_token, who_shows
from guard.custody.measures import State


def test_tokens_are_random_and_long():
    """256 bits, with a word before them that programs find leaked ones by."""
    one, other = new_token(), new_token()
    assert one != other
    assert one.startswith("guard_")
    assert len(one) == len("guard_") + 43


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc", "abc"),
        ("Basic abc", None),
        ("Bearer", None),
        ("Bearer a b", None),
        ("Bearer a, Bearer b", None),
        ("Bearer " + "a" * 600, None),
        (None, None),
    ],
)
def test_a_header_has_a_token_or_not(header, token):
    """One, and nothing besides."""
    assert bearer(header) == token


def test_each_role_may_what_those_before_it_may():
    """And nothing beyond."""
    may = [[Principal("x", role).may(other) for other in ROLES] for role in ROLES]
    assert may == [[place <= number for place in range(4)] for number in range(4)]


def test_a_token_is_somebodys_or_nobodys():
    """The control log has only its hash."""
    state = State()
    change = {"type": "add-operator", "name": "ann", "role": "analyst", "token": digest("t-ann")}
    state.take([{"seq": 0, "change": change}])
    assert who_shows("t-ann", state.operators, digest("here")) == Principal("ann", "analyst")
    assert who_shows("here", state.operators, digest("here")) == Principal("local", "commander", local=True)
    assert who_shows(digest("t-ann"), state.operators, digest("here")) is None
    state.take([{"seq": 1, "change": {"type": "remove-operator", "name": "ann"}}])
    assert who_shows("t-ann", state.operators, digest("here")) is None
