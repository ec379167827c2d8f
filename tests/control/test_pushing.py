"""Rules that are to be pushed."""

import pytest
from msgspec.structs import replace

from guard.config import Rules
from guard.control.pushing import Difference, difference, prepared, publish
from guard.custody.bundles import Shelf
from guard.ruleset.files import Directory
from guard.ruleset.problem import BundleError
from tests.cli.rules.pushing import folder
from tests.support.admin import config


def test_they_are_held_against_those_in_force(tmp_path):
    """By id, and by all that they say: against the configured ones, or against what was pushed before."""
    given = replace(config(tmp_path), rules=Rules(dir=str(folder(tmp_path / "rules", "one", "two", three="drei"))))
    found = prepared(Directory(folder(tmp_path / "new", "two", "four", three="tri")), given.rules)
    assert difference(given, None, found) == Difference(["four"], ["one"], ["three"])
    publish(given, None, found)
    assert Shelf(tmp_path).get(found.bundle.hash) == found.parcel
    assert difference(given, found.bundle.hash, found) == Difference([], [], [])


def test_what_cannot_be_used_is_told(tmp_path):
    """Also that there is nothing."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(BundleError, match="there are no rules in"):
        prepared(Directory(tmp_path / "empty"), Rules())
    wrong = folder(tmp_path / "wrong", "one", mode="sometimes")
    with pytest.raises(BundleError, match=r"10-test\.yaml:8: one: mode"):
        prepared(Directory(wrong), Rules())
