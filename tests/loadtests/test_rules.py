"""The generated rule set of "everything on"."""

import re

import pytest
import yaml

from loadtests import peers, rules, wrk


def load(folder):
    """The rules that were written to a folder."""
    return yaml.load((folder / "10-load.yaml").read_text(), yaml.CSafeLoader)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The whole set."""
    folder = tmp_path_factory.mktemp("load") / "rules"
    rules.write(folder)
    return load(folder)


def test_same_seed_same_rules(tmp_path):
    """Two runs match with exactly the same rules; another seed gives others."""
    for name, seed in (("one", 1), ("same", 1), ("other", 2)):
        rules.write(tmp_path / name, phrases=20, regexes=5, seed=seed)
    assert load(tmp_path / "one") == load(tmp_path / "same")
    assert load(tmp_path / "one") != load(tmp_path / "other")


def test_both_sides_are_watched(written):
    """There are 1,050 rules for prompts and as many for outputs, each with an id of its own."""
    assert len({rule["id"] for rule in written}) == 2_100
    assert sum(rule["target"] == "output" for rule in written) == 1_050


def test_no_rule_matches_the_load(written):
    """No rule matches the prompt or the answer that is measured with, and each matches its own example."""
    text = (wrk.PROMPT.read_text() + peers.ANSWER.read_text()).casefold()
    for rule in written:
        pattern = rule["match"].get("regex") or re.escape(rule["match"]["any"][0])
        assert re.search(pattern, rule["tests"]["match"][0])
        assert not re.search(pattern, text)
