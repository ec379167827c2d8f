"""A folder of rules as it is."""

import pytest

from guard.ruleset.bundle import load
from guard.ruleset.files import Directory
from guard.ruleset.gathering import gathered
from guard.ruleset.parcel import digest, unpack
from guard.ruleset.problem import BundleError
from tests.cli.rules.pushing import folder


def with_list(path, name="list.txt"):
    """A rule that names a phrase list."""
    rules = folder(path, "one")
    file = rules / "10-test.yaml"
    file.write_text(file.read_text().replace('any: ["one"]', f"any_file: {name}"))
    (rules / "data").mkdir()
    (rules / "data" / "list.txt").write_text("one\n")
    (rules / "data" / "other.txt").write_text("two\n")
    return rules


def test_it_has_what_its_rules_name(tmp_path):
    """And is called as it will be where it is checked."""
    rules = with_list(tmp_path / "new")
    parcel = gathered(Directory(rules))
    assert sorted(unpack(parcel)) == ["10-test.yaml", "data/list.txt"]
    assert digest(parcel) == load(rules).hash


def test_what_its_rules_are_worth_is_for_others_to_say(tmp_path):
    """Mistakes go with it, also in files that are no text."""
    rules = with_list(tmp_path / "new")
    (rules / "20.yaml").write_text("- id: [")
    (rules / "30.yaml").write_bytes(b"\xff")
    (rules / "data" / "list.txt").write_bytes(b"\xff")
    assert sorted(unpack(gathered(Directory(rules)))) == ["10-test.yaml", "20.yaml", "30.yaml", "data/list.txt"]


@pytest.mark.parametrize("name", ["none.txt", "deep"])
def test_what_cannot_be_read_is_told_here(tmp_path, name):
    """With its rule, for nobody else could say why."""
    rules = with_list(tmp_path / "new", name)
    (rules / "data" / "deep").mkdir()
    with pytest.raises(BundleError, match=r"one: match\.any_file: '"):
        gathered(Directory(rules))
    with pytest.raises(BundleError, match="does not exist"):
        gathered(Directory(tmp_path / "nowhere"))


def test_what_cannot_be_a_parcel_is_told(tmp_path):
    """By its name."""
    rules = folder(tmp_path / "new", "one")
    (rules / "a\tb.yaml").write_text("")
    with pytest.raises(BundleError, match="a file may not be called"):
        gathered(Directory(rules))
