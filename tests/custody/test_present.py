"""Which rules are in force is read where they are, and nothing is compiled for it."""

import pytest

from guard.config import Rules
from guard.custody.bundles import Shelf
from guard.custody.measures import State
from guard.custody.present import GoneError, present
from guard.custody.rules import publish
from guard.ruleset.parcel import Parcel, pack
from guard.ruleset.ready import prepare
from tests.custody.test_measures import records

RULE = """
- id: {word}
  title: A word
  level: high
  target: prompt
  match: {{any: ["{word}"]}}
  action: block
  tests: {{match: ["{word}"], no_match: ["-"]}}
"""


def state(*changes):
    """After these changes."""
    found = State()
    found.take(records(*changes))
    return found


@pytest.fixture
def shelf(tmp_path):
    """An empty one, beside a configured rule."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "10.yaml").write_text(RULE.format(word="configured"))
    return Shelf(tmp_path)


def test_they_are_those_that_were_pushed_or_configured(shelf, tmp_path):
    """As they were compiled, or else from their files; what is in neither place is an error."""
    bounds = Rules(dir=str(tmp_path / "rules"))
    assert [(one.rule.id, one.file) for one in present(bounds, shelf, state())] == [("configured", "10.yaml")]
    assert present(Rules(dir=None), shelf, state()) == []
    prepared = prepare(Parcel(pack({"20.yaml": RULE.format(word="pushed").encode()})))
    name = prepared.bundle.hash
    pushed = state({"type": "push-rules", "bundle": name})
    with pytest.raises(GoneError, match=f"{name}, which were pushed, are not here"):
        present(bounds, shelf, pushed)
    publish(shelf, prepared, ())
    found = present(bounds, shelf, pushed)
    assert [(one.rule.id, one.file, one.literals) for one in found] == [("pushed", "20.yaml", ("pushed",))]
    (tmp_path / "bundles" / f"{name}.ready").unlink()
    assert present(bounds, shelf, pushed) == found
