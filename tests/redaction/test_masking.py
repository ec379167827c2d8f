"""Marks in the place of secrets."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from guard.redaction.masking import Masking
from tests.support.redacting import EMAIL, KEY, rules, secrets


def test_secrets_that_overlap_are_one():
    """Each place has one mark, with the kind of the one that begins first."""
    masking = Masking(secrets(KEY, rules=rules(("email", EMAIL))), b"")
    spans = masking.spans(f"x{KEY}@example.com {KEY}")
    assert spans is not None
    assert all(end <= begin for (_, end, _), (begin, _, _) in pairwise(spans))


@given(st.lists(st.sampled_from([KEY, "a", " ", "@", KEY[:5]]), max_size=12))
def test_no_key_is_left(parts):
    """However a text is put together, no key is in it any more, and each that was is counted."""
    text = "".join(parts)
    masking = Masking(secrets(KEY), b"")
    spans = masking.spans(text)
    assert spans is not None
    masked = masking.marked(text, spans)
    assert KEY not in masked
    assert masking.counts.get("key", 0) == text.count(KEY)
