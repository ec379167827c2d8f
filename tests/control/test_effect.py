"""What a change does to what is in force."""

import pytest

from guard.changes import read_change
from guard.control.effect import effect, missing, standing, takes_back
from guard.custody.measures import State

THERE = [
    {"type": "block", "kind": "ip", "value": "192.0.2.1"},
    {"type": "switch", "model": "chat", "version": "v2"},
    {"type": "isolate", "model": "chat"},
    {"type": "offline"},
    {"type": "add-rule", "id": "r", "literal": "x"},
    {"type": "disable-rule", "id": "r"},
    {"type": "push-rules", "bundle": "0" * 64},
    {"type": "set-limit", "per": "client", "what": "tokens", "amount": "1/s"},
    {"type": "add-operator", "name": "ann", "role": "viewer", "token": "0" * 64},
]
BACK = [
    {"type": "unblock", "kind": "ip", "value": "192.0.2.1"},
    {"type": "switch", "model": "chat"},
    {"type": "online", "model": "chat"},
    {"type": "online"},
    {"type": "remove-rule", "id": "r"},
    {"type": "enable-rule", "id": "r"},
    {"type": "push-rules"},
    {"type": "remove-limit", "per": "client", "what": "tokens"},
    {"type": "remove-operator", "name": "ann"},
]


def full():
    """A state in which all of that is in force."""
    state = State()
    state.take({"seq": number, "change": change} for number, change in enumerate(THERE))
    return state


@pytest.mark.parametrize("given", THERE, ids=lambda given: given["type"])
def test_what_is_ordered_is_new_or_replaces(given):
    """What was there is found."""
    change = read_change(given)
    assert effect(standing(State(), change), change) == "adds"
    found = standing(full(), change)
    assert found is not None
    assert found.change == change
    assert effect(found, change) == "replaces"
    assert not takes_back(change)


@pytest.mark.parametrize("given", BACK, ids=lambda given: given["type"])
def test_what_is_taken_back_was_there_or_not(given):
    """Where it is of no use, it is told, unless it does no harm."""
    change = read_change(given)
    assert takes_back(change)
    assert effect(standing(State(), change), change) == "nothing"
    assert effect(standing(full(), change), change) == "removes"
    assert bool(missing(change)) == (given["type"] not in {"switch", "online", "push-rules"})


def test_all_limits_of_a_subject_can_be_taken_back():
    """Without saying which."""
    change = read_change({"type": "remove-limit", "per": "client"})
    assert standing(full(), change) is not None
    assert standing(State(), change) is None
