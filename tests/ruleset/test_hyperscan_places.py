"""Places from hyperscan; `test_redactor.py` holds them against the other engine's and against all matches there are."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from guard.ruleset.engine import EngineError
from guard.ruleset.hyperscan_places import places
from guard.ruleset.parser import parse


def test_places_in_long_and_short_texts_of_any_alphabet():
    """The same wherever the text stands, in texts that are searched in one way or the other."""
    find = places([parse(r"k\d+", exact=True)], 100)
    for before in ("", "é", "漢" * 40, "x" * 100):
        assert find(f"{before}k12 k3") == [(len(before), len(before) + 3, 0), (len(before) + 4, len(before) + 6, 0)]


def test_threads_have_their_own():
    """Several may look at once."""
    find = places([parse("k+", exact=True)], 10_000)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda count: find("k" * count + " " * 80), range(1, 200)))
    assert found == [[(0, count, 0)] for count in range(1, 200)]


def test_what_went_wrong_leaves_nothing_behind():
    """After a text with too many matches the next one has its own."""
    find = places([parse("k+", exact=True)], 10)
    assert find("k" * 100) is None
    assert find("kk") == [(0, 2, 0)]


def test_the_pattern_that_cannot_be_compiled_is_named():
    """By its number."""
    with pytest.raises(EngineError) as raised:
        places([parse("k", exact=True), parse(r"([a-z]{1,20}x?){5,30}@[a-z]{5,30}y", exact=True)], 10)
    assert [number for number, _, _ in raised.value.faults] == [1]
