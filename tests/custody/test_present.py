"""Which rules are in force is read where they are, and nothing is compiled for it."""

from datetime import UTC, datetime

import pytest

from guard.config import Rules
from guard.custody.bundles import Shelf
from guard.custody.present import GoneError, _read, present
from guard.custody.rules import publish
from guard.ruleset.parcel import Parcel, pack
from guard.ruleset.ready import prepare

RULE = """
- id: {word}
  title: A word
  level: high
  target: prompt
  match: {{any: ["{word}"]}}
  action: block
  tests: {{match: ["{word}"], no_match: ["-"]}}
"""


@pytest.fixture
def shelf(tmp_path):
    """An empty one, beside a configured rule."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "10.yaml").write_text(RULE.format(word="configured"))
    return Shelf(tmp_path)


def test_they_are_those_that_were_pushed_or_configured(shelf, tmp_path):
    """As they were compiled, or else from their files; what is in neither place is an error."""
    bounds = Rules(dir=str(tmp_path / "rules"))
    assert [(one.rule.id, one.file) for one in present(bounds, shelf, None)] == [("configured", "10.yaml")]
    assert present(Rules(dir=None), shelf, None) == []
    prepared = prepare(Parcel(pack({"20.yaml": RULE.format(word="pushed").encode()})))
    name = prepared.bundle.hash
    with pytest.raises(GoneError, match=f"{name}, which were pushed, are not here"):
        present(bounds, shelf, name)
    publish(shelf, prepared, ())
    found = present(bounds, shelf, name)
    assert [(one.rule.id, one.file, one.literals) for one in found] == [("pushed", "20.yaml", ("pushed",))]
    (tmp_path / "bundles" / f"{name}.ready").unlink()
    assert present(bounds, shelf, name) == found


def test_a_folder_is_read_again_when_it_has_changed(shelf, tmp_path, monkeypatch):
    """And only then, for it takes its time."""
    bounds = Rules(dir=str(tmp_path / "rules"))
    reads = []

    def read(files):
        reads.append(str(files))
        return _read(files)

    monkeypatch.setattr("guard.custody.present._read", read)
    before = [present(bounds, shelf, None) for _ in range(3)]
    assert (len(reads), before[1:]) == (1, before[:2])
    (tmp_path / "rules" / "20.yaml").write_text(RULE.format(word="more"))
    assert [one.rule.id for one in present(bounds, shelf, None)] == ["configured", "more"]


def test_rules_whose_time_is_over_are_none(shelf):
    """Though they were compiled when it was not."""
    text = RULE.format(word="short").replace("level: high", "level: high\n  expires: 2026-01-01T00:00:00Z")
    prepared = prepare(Parcel(pack({"20.yaml": text.encode()})), now=datetime(2025, 1, 1, tzinfo=UTC))
    publish(shelf, prepared, ())
    assert len(prepared.bundle.rules) == 1
    assert present(Rules(dir=None), shelf, prepared.bundle.hash) == []
