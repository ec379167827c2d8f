"""Who is one connection too many."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from guard.config import Http
from guard.wire.crowd import TURNED_AWAY, Crowd


def test_each_address_and_all_together_are_bounded():
    """An address is held to its own number, everybody to the total; who leaves makes room."""
    crowd = Crowd(Http(connections=3, connections_per_address=2))
    assert [crowd.enter("192.0.2.1") for _ in range(2)] == [None, None]
    assert crowd.enter("192.0.2.1") == "192.0.2.1 has more than 2"
    crowd.leave("192.0.2.1")
    assert crowd.enter("192.0.2.2") is None
    assert crowd.enter("192.0.2.3") == "there are more than 3"
    crowd.leave("192.0.2.3")
    crowd.leave("192.0.2.1")
    assert crowd.enter("192.0.2.3") is None
    assert repr(crowd) == "<Crowd 3 connections of 3 addresses>"


def test_a_household_is_one():
    """Addresses of one IPv6 /64 count together, for one host has them all."""
    crowd = Crowd(Http(connections_per_address=1))
    assert crowd.enter("2001:db8::1") is None
    assert crowd.enter("2001:db8::2") == "2001:db8::/64 has more than 1"


@given(st.lists(st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1", ""])))
def test_who_has_left_is_forgotten(peers):
    """When all have left, nothing is kept of them."""
    crowd = Crowd(Http())
    for peer in peers:
        crowd.enter(peer)
    for peer in peers:
        crowd.leave(peer)
    assert crowd.size == 0
    assert not crowd.of


def test_who_is_turned_away_is_told_in_legal_http():
    """The answer's length is that of its body."""
    head, _, body = TURNED_AWAY.partition(b"\r\n\r\n")
    assert b"content-length: %d\r\n" % len(body) in head
