"""Rules that are to be added."""

import pytest

from guard.changes import AddRule
from guard.config import Rules
from guard.control.errors import OrderError
from guard.control.trial import rule_id, try_rule


def test_a_rule_is_compiled_as_workers_do():
    """One that cannot be is told, and where."""
    try_rule(AddRule(id="r", literal="evil plan"), Rules())
    try_rule(AddRule(id="r", regex="zq[0-9]+", target="output"), Rules())
    with pytest.raises(OrderError, match="nothing closes") as error:
        try_rule(AddRule(id="r", regex="((("), Rules())
    assert error.value.where == "regex"


def test_the_same_rule_has_the_same_id():
    """And another one another."""
    assert rule_id("prompt", "literal", "x") == rule_id("prompt", "literal", "x")
    assert (
        len({rule_id(*of) for of in (("prompt", "literal", "x"), ("output", "literal", "x"), ("prompt", "regex", "x"))})
        == 3
    )


def test_one_that_takes_long_to_compile_is_refused(monkeypatch):
    """Every worker would have to."""
    monkeypatch.setattr("guard.control.trial.MOST_SECONDS", 0.05)
    with pytest.raises(OrderError, match="to compile, and every worker has to") as error:
        try_rule(AddRule(id="r", regex="(?:a|b|c).{0,300}(?:d|e)zzqy"), Rules())
    assert error.value.where == "regex"
