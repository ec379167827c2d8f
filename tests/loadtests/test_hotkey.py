"""One key on several workers, in small, and that too much or too little would be seen."""

from collections import Counter

from loadtests.hotkey import report, run


def test_all_workers_together_let_in_what_one_may():
    """Two workers, one key: never more than limit and burst, and nearly all of it."""
    found = run(workers=2, rate=200, burst=200, seconds=3.0, connections=8)
    assert found["wrong"] == []
    assert found["asked"] > 2 * found["allowed"]


def test_what_is_wrong_is_told():
    """More than may be let in, less than nearly all, and too few requests to tell are each a mistake."""
    assert report(Counter({502: 300, 429: 900}), 2.0, 2.01, 100, 100)["wrong"] == []
    assert len(report(Counter({502: 303, 429: 900}), 2.0, 2.01, 100, 100)["wrong"]) == 1
    assert len(report(Counter({502: 290, 429: 900}), 2.0, 2.01, 100, 100)["wrong"]) == 1
    assert len(report(Counter({502: 300, 429: 100}), 2.0, 2.01, 100, 100)["wrong"]) == 1
