"""A flood on a real guard, in small, and that what does not match would be seen."""

from collections import Counter

from loadtests.floods import held_against, run
from tests.support.journals import write_segment


def test_a_flood_leaves_a_small_journal_and_exact_counts():
    """Two thousand refusals of four clients: a few whole, the others counted, nothing lost."""
    report = run(2_000, each=5, matched=5)
    assert report["wrong"] == []
    assert set(report["told"]) >= {"not_found", "client_blocked", "rate_limit_exceeded", "content_policy_violation"}
    assert report["whole"] + report["counted"] == report["refused"] >= 2_000
    assert report["whole"] < 100


def test_what_does_not_match_is_told(tmp_path):
    """A refusal that is missing, an id that is not there, and a journal that is too large are each a mistake."""
    whole = {"kind": "outcome", "id": "1-a-1", "reason": "not_found"}
    count = {"kind": "refusals", "reason": "not_found", "count": 99}
    after = write_segment(tmp_path, [whole, count])
    assert held_against(Counter(not_found=100), ["1-a-1"], tmp_path)["wrong"] == []
    assert len(held_against(Counter(not_found=101), ["1-a-1"], tmp_path)["wrong"]) == 1
    assert len(held_against(Counter(not_found=100), ["1-a-2"], tmp_path)["wrong"]) == 1
    assert len(held_against(Counter(not_found=100), [], tmp_path)["wrong"]) == 1
    write_segment(tmp_path, [{"kind": "mark"}] * 1_000, after=after)
    assert len(held_against(Counter(not_found=100), ["1-a-1"], tmp_path)["wrong"]) == 1
