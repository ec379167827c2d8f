"""A start with a long history, in small."""

from loadtests.history import PATIENCE, run


def test_what_was_decided_holds_from_the_first_request_on():
    """Also where most of the history is in a snapshot."""
    report = run(3_000, 10, starts=1, most=PATIENCE)  # one start of each says nothing of how long they take
    assert report["wrong"] == []
