"""User agents that fit patterns."""

import re
from fnmatch import fnmatchcase
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.policy.agents import Agents


@pytest.mark.parametrize(
    ("pattern", "agent", "fits"),
    [
        ("curl/8.9.1", "curl/8.9.1", True),
        ("curl/8.9.1", "CURL/8.9.1", True),
        ("curl/8.9.1", "curl/8.9.10", False),
        ("Curl/*", "curl/8.9.1", True),
        ("curl/*", "libcurl/8", False),
        ("*bot*", "Mozilla/5.0 (compatible; Googlebot/2.1)", True),
        ("*bot*", "Mozilla/5.0", False),
        ("*bot", "bot/bot", True),
        ("a*b?d", "aXXbbcd", True),
        ("a*b?d", "abd", False),
        ("*a*a*", "a", False),
        ("?", "x", True),
        ("?", "xy", False),
        ("[a]*", "[a]b", True),
        ("[a]*", "ab", False),
        ("a.c", "abc", False),
        ("*\nb", "a\nb", True),
    ],
)
def test_what_fits_a_pattern(pattern, agent, fits):
    """Stars stand for anything, question marks for one character, and nothing else has a meaning."""
    assert Agents([pattern]).find(agent) == (pattern if fits else None)


GLOBS = st.text(alphabet="ab*?", min_size=1, max_size=8)


@given(st.lists(GLOBS, max_size=5), st.text(alphabet="abc", max_size=12))
def test_patterns_agree_with_the_standard_library(patterns, agent):
    """Whatever is looked for before a pattern is, the verdict is that of trying each of them."""
    fitting = {pattern for pattern in patterns if fnmatchcase(agent, pattern)}
    found = Agents(patterns).find(agent)
    assert (found in fitting) if fitting else (found is None)


def test_only_the_beginning_of_an_agent_is_looked_at():
    """What stands beyond is nobody's business, so that a long one costs no more."""
    agents = Agents(["*bad*"])
    assert agents.find("a" * 509 + "bad") == "*bad*"
    assert agents.find("a" * 510 + "bad") is None


def test_no_agent_makes_a_thousand_patterns_slow():
    """60 KB made to keep patterns busy, each time another: a fraction of what expressions that go back would take."""
    agents = Agents([f"*a*a*a*{'?' * (number % 20)}a{number}*b" for number in range(1_000)])
    began = perf_counter()
    for number in range(20):
        assert agents.find(f"{number}{'a' * 60_000}") is None
    assert (perf_counter() - began) / 20 < 0.02
    assert re.fullmatch(r".*a.*a.*a.*b", "a" * 30) is None
