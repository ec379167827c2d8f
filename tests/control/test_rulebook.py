"""The rules in force, as they are told."""

import pytest

from guard.control.desk import Order, Planned
from guard.control.errors import OrderError
from guard.control.pushing import prepared, publish
from guard.control.rulebook import rows
from guard.ruleset.files import Directory
from tests.cli.rules.pushing import folder


@pytest.fixture
def desk(ruled_desk):
    """The one that is asked."""
    return ruled_desk


def order(desk, **change):
    """Place it."""
    desk.place(Order([Planned(change)], "why", "ann"))


def test_where_each_is_from_and_what_becomes_of_it(desk, tmp_path):
    """The folder's, then those that were added; pushed ones are in the folder's place."""
    order(desk, type="add-rule", id="x", regex="evil+", target="output", shadow=True)
    order(desk, type="disable-rule", id="two")
    one, two, added = rows(desk)
    assert one == {
        "id": "one", "title": "About one", "level": "high", "target": "prompt", "action": "block", "status": "enforce",
        "from": "configured", "file": "10-test.yaml",
    }  # fmt: skip
    assert (two["status"], two["disabled"]["version"], two["disabled"]["actor"]) == ("disabled", 3, "ann")
    assert (added["from"], added["text"], added["is_regex"], added["status"]) == ("added", "evil+", True, "shadow")
    assert (added["version"], added["reason"], added["expires"]) == (2, "why", None)
    found = prepared(Directory(folder(tmp_path / "new", "two", "three")), desk.config.rules)
    publish(desk.config, None, found)
    order(desk, type="push-rules", bundle=found.bundle.hash)
    assert [(row["id"], row["from"], row["status"]) for row in rows(desk)] == [
        ("two", "pushed", "disabled"),
        ("three", "pushed", "enforce"),
        ("x", "added", "shadow"),
    ]
    for path in (tmp_path / "bundles").iterdir():
        path.unlink()
    with pytest.raises(OrderError, match="push them again"):
        rows(desk)
