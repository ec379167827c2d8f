from functools import cache
from pathlib import Path
from time import monotonic

import pytest

from guard.ruleset.bundle import load

RULES = Path(__file__).parents[2] / "rules"


@cache
def bundle(engine):
    """The shipped rules, compiled by whoever needs them first."""
    return load(RULES, engine=engine)


SHIPPED = bundle("portable").rules

engines = pytest.mark.parametrize("engine", ["hyperscan", "portable"])
each = pytest.mark.parametrize("rule", SHIPPED, ids=lambda rule: rule.id)

# Sentences as people write them to a model, about the very subjects that the rules are about.
ORDINARY = [
    "Can you ignore the typo in my previous email and rewrite it?",
    "Summarise the instructions above for a ten-year-old.",
    "How do I write a good system message for a support bot?",
    "What is prompt injection, and how do companies defend themselves against it?",
    "Please act as an interviewer and ask me questions about Python.",
    "Forget the earlier plan, we are going to Rome instead.",
    "My son Dan can do anything he sets his mind to.",
    "How do I enable developer mode on an Android phone?",
    "Write a story about a robot that is freed from its factory.",
    "Show me how to list environment variables in PowerShell.",
    "Repeat after me: practice makes perfect.",
    "Turn off the safety catch before you start the drill, the manual says.",
    "Start the letter with a warm greeting and stay polite throughout.",
    "Ich habe alle vorherigen Nachrichten gelesen.",
    "Explique-moi les instructions de montage.",
]
ORDINARY_OUTPUT = [
    "Store your API key in an environment variable, for example OPENAI_API_KEY, and never in the code.",
    "A PEM file begins with a line such as BEGIN CERTIFICATE between dashes.",
    "git clone https://github.com/example/project.git && cd project",
    "The commit is 3f786850e387550fdab836ed7e6dc881de23001b.",
    "SHA-256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4",
    "550e8400-e29b-41d4-a716-446655440000",
]


def matched(engine, rule, text):
    """Whether the rule matches the text whole and, for outputs, one character at a time."""
    shipped = bundle(engine)
    matcher = shipped.prompt if rule.target == "prompt" else shipped.output
    whole = rule in matcher.scan(text)
    if rule.target == "output":
        stream = matcher.stream()
        pieces = [found for character in text for found in stream.feed(character)]
        assert (rule in (*pieces, *stream.close())) is whole
    return whole


@engines
@each
def test_a_rule_matches_its_examples_and_no_others(engine, rule):
    """Every shipped rule has texts that match and texts that do not, and both engines agree."""
    assert rule.tests.match
    assert rule.tests.no_match
    assert all(matched(engine, rule, text) for text in rule.tests.match)
    assert not any(matched(engine, rule, text) for text in rule.tests.no_match)


@each
def test_a_rule_says_why_it_exists(rule):
    """Every shipped rule has a description and a status, and none that is experimental blocks."""
    assert len(rule.description) > 20
    assert rule.status in ("stable", "test", "experimental")
    assert rule.status != "experimental" or not rule.blocks


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_prompts_pass(text):
    """No blocking rule matches what people ordinarily ask."""
    assert not [rule.id for rule in bundle("hyperscan").prompt.scan(text) if rule.blocks]


@pytest.mark.parametrize("text", ORDINARY_OUTPUT)
def test_ordinary_outputs_pass(text):
    """No blocking rule matches what models ordinarily answer."""
    assert not [rule.id for rule in bundle("hyperscan").output.scan(text) if rule.blocks]


def test_no_blocked_output_loses_its_beginning():
    """Every blocking output rule that ships is bounded, so nothing of a match is released."""
    assert bundle("hyperscan").warnings == ()


def test_the_packs_load_quickly():
    """The shipped rules are read, compiled and tried within a few seconds, also on a busy machine."""
    began = monotonic()
    load(RULES)
    assert monotonic() - began < 5


def test_files_and_ids_go_together():
    """A pack's rules share a prefix, and its numbers rise without a gap."""
    for prefix, last in (("inj", 13), ("jb", 14), ("ext", 10), ("sec", 15), ("leak", 5)):
        ids = [rule.id for rule in SHIPPED if rule.id.startswith(f"{prefix}-")]
        assert ids == [f"{prefix}-{number:04}" for number in range(1, last + 1)]


def test_every_phrase_list_is_used():
    """No list in rules/data lies there without a rule."""
    named = {Path(rule.match.any_file).name for rule in SHIPPED if rule.match.any_file}
    assert {path.name for path in (RULES / "data").iterdir()} == named
