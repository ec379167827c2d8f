import threading

import pytest

from guard.ruleset.engine import choose
from guard.ruleset.matcher import Matcher
from tests.ruleset.made import entries, terms

ENGINE = choose("hyperscan")


def test_each_rule_is_given_once_and_in_order():
    """However often and in whatever order rules match, they come back as they stand in their files."""
    matcher = Matcher(entries(terms("b", "bb", regex=["b"]), terms("x"), terms("a")), ENGINE)
    assert [rule.id for rule in matcher.scan("a bb a b")] == ["r-0", "r-2"]


def test_text_is_normalised():
    """A rule finds its phrase through invisible characters and other forms of its letters."""
    matcher = Matcher(entries(terms("ignore all")), ENGINE)
    assert matcher.scan("IG\u200bNORE \uff41\uff4c\uff4c")
    assert matcher.scan("Ignore ALL")


def test_nothing_found_is_always_the_same_empty_tuple():
    """Without a match no new object is made."""
    matcher = Matcher(entries(terms("b")), ENGINE)
    assert matcher.scan("aé") is matcher.scan("c") is Matcher().scan("b")


def test_an_empty_matcher_says_so():
    """Callers can skip gathering text when there is nothing to look for."""
    assert Matcher().empty
    assert not Matcher(entries(terms("b")), ENGINE).empty


def test_prompt_rules_have_no_stream():
    """Asking for a stream of prompt rules is a mistake that is not passed over."""
    matcher = Matcher(entries(terms("b"), target="prompt"), ENGINE)
    with pytest.raises(RuntimeError, match="only output rules"):
        matcher.stream()


@pytest.mark.parametrize("text", ["\ud800ab", "ab\udfff", "\ud83d ab \ude00", "ab" + "\u0301" * 99 + "ab"])
def test_strange_text_hides_nothing(text):
    """Text that cannot be encoded as it is, or has marks without end, is scanned all the same."""
    assert Matcher(entries(terms("ab")), ENGINE).scan(text)


def test_threads_do_not_mix_up_their_matches():
    """One matcher used by several threads at once gives each its own result."""
    matcher = Matcher(entries(*[terms(f"word{number}") for number in range(4)]), ENGINE)
    wrong: list[list[str]] = []

    def scan(number):
        text = "filler " * 2000 + f"word{number}"
        wrong.extend(
            found for _ in range(200) if (found := [rule.id for rule in matcher.scan(text)]) != [f"r-{number}"]
        )

    threads = [threading.Thread(target=scan, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_rules_are_taken_out_without_compiling():
    """They are told no more, on texts and on streams, and nothing is held back for them; the first stays whole."""
    matcher = Matcher(entries(terms("secret word"), terms("other"), terms(regex=["key-[0-9]+"])), ENGINE)
    less = matcher.without({"r-0", "elsewhere"})
    assert [rule.id for rule in less.scan("a secret word, or other")] == ["r-1"]
    stream = less.stream()
    assert stream.feed("a secret wor") == ()
    assert stream.releasable >= len("a secret ")
    assert [rule.id for rule in stream.feed("d, key-7 ")] == ["r-2"]
    least = less.without({"r-1", "r-2"})
    assert least.empty
    assert least.scan("a secret word, or other key-7") == ()
    assert [rule.id for rule in matcher.scan("a secret word")] == ["r-0"]


def test_nothing_stops_for_a_rule_that_is_taken_out():
    """What it would have blocked goes out."""
    matcher = Matcher(entries(terms("secret")), ENGINE).without({"r-0"})
    stream = matcher.stream()
    stream.feed("a secret and more ")
    stream.close()
    assert stream.releasable == len("a secret and more ")
