"""What is fuzzed holds for the inputs to begin with, and for some made from them; a target notices what does not."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.wire import body, pieces
from loadtests import targets
from loadtests.targets import TARGETS, cut

SEEDS = [(name, seed) for name, target in TARGETS.items() for seed in target.seeds]


@pytest.mark.parametrize(("name", "seed"), SEEDS, ids=[f"{name}-{at}" for at, (name, _) in enumerate(SEEDS)])
def test_seeds_hold(name, seed):
    """Every seed, and it with a byte changed or missing somewhere, is judged and found right."""
    rng = random.Random(1)
    TARGETS[name].judge(seed)
    for _ in range(20):
        at = rng.randrange(1, len(seed))
        TARGETS[name].judge(seed[:at] + bytes([rng.randrange(256)]) + seed[at + rng.randrange(2) :])


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.binary(max_size=200))
def test_any_bytes_are_an_input(name, data):
    """No input is too short or too odd to be judged."""
    TARGETS[name].judge(data)


@given(st.binary(min_size=2, max_size=100))
def test_segments_are_the_input(data):
    """Cut in any way, nothing is lost, and no segment is empty."""
    assert b"".join(cut(data)) == data[1:]
    assert all(cut(data))


def test_a_lost_byte_is_noticed(monkeypatch):
    """A splitter that drops something is found out."""
    monkeypatch.setattr(pieces, "_frame", lambda raw: pieces.Frame(raw[1:], b""))
    with pytest.raises(AssertionError):
        TARGETS["splitters"].judge(b"\0data: a\n\n")


def test_a_duplicate_key_is_noticed(monkeypatch):
    """A parser that lets a key stand twice is found out."""
    monkeypatch.setattr(body, "_check_exactly", lambda _body: None)
    with pytest.raises(AssertionError):
        TARGETS["bodies"].judge(b'{"a":1,"a":2}')


def test_a_believed_client_is_noticed(monkeypatch):
    """A guard that believes what a client says of itself is found out."""
    monkeypatch.setattr(targets, "client_address", lambda _peer, headers, _trusted: headers[0][1].decode())
    with pytest.raises(AssertionError):
        TARGETS["forwarding"].judge(b"10.0.0.1")
