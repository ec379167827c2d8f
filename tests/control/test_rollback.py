"""The way back to the rules of before."""

import pytest
from msgspec.structs import replace

from guard.config import Store
from guard.control.desk import Order, Planned
from guard.control.errors import OrderError
from guard.control.rollback import back
from guard.custody.control import append
from tests.cli.rules.pushing import folder


@pytest.fixture
def desk(ruled_desk):
    """The one that is asked."""
    return ruled_desk


def order(desk, **change):
    """Place it."""
    desk.place(Order([Planned(change)], "r"))


def test_its_steps_are_for_the_version_that_they_were_found_at(desk):
    """Whatever else was ordered in between counts; where a store is shared, it is the store's."""
    order(desk, type="disable-rule", id="one")
    order(desk, type="isolate", model="chat")
    found = back(desk, None)
    assert (found.to, found.version, [step.change for step in found.steps]) == (
        0, 3, [{"type": "enable-rule", "id": "one"}],
    )  # fmt: skip
    desk.config = replace(desk.config, store=Store(url="redis://127.0.0.1:9"))
    assert back(desk, None).version == 0


def test_what_is_gone_is_left_out(desk, tmp_path):
    """What was disabled, and is in no file any more, is not disabled again; what was added then is."""
    order(desk, type="add-rule", id="x", literal="evil")
    for id_ in ("one", "two", "x"):
        order(desk, type="disable-rule", id=id_)
    for id_ in ("one", "two", "x"):
        order(desk, type="enable-rule", id=id_)
    order(desk, type="remove-rule", id="x")
    folder(tmp_path / "rules", "two")
    found = back(desk, 5)
    assert found.gone == ["one"]
    assert [step.change["id"] for step in found.steps] == ["x", "two", "x"]


@pytest.mark.parametrize(("to", "told"), [(None, "no rules were pushed"), (7, "there is no version 7")])
def test_without_a_way_it_is_said(desk, to, told):
    """As something that is missing."""
    order(desk, type="isolate", model="chat")
    with pytest.raises(OrderError, match=told) as error:
        back(desk, to)
    assert error.value.missing


def test_rules_that_are_not_here_are_no_way(desk):
    """They are told by their hash."""
    for bundle in ("a" * 64, "b" * 64):
        append(desk.journal, {"type": "push-rules", "bundle": bundle}, reason=bundle)
    with pytest.raises(OrderError, match=f"the rules {'a' * 64} are not in"):
        back(desk, None)


def test_what_is_left_may_be_nothing(desk, tmp_path):
    """Which is said too."""
    order(desk, type="disable-rule", id="one")
    order(desk, type="enable-rule", id="one")
    folder(tmp_path / "rules", "two")
    with pytest.raises(OrderError, match="the rules are as they were at version 2"):
        back(desk, 2)
