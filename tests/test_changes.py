"""Changes as values."""

from typing import get_args

import pytest

from guard.changes import AddRule, AnyChange, Block, ChangeError, SetLimit, read_change, written


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"type": "block", "kind": "ip", "value": "192.0.2.1"}, Block(kind="ip", value="192.0.2.1")),
        ({"type": "add-rule", "id": "a", "regex": "x+"}, AddRule(id="a", regex="x+")),
        (
            {"type": "set-limit", "per": "account", "subject": "acme", "what": "requests", "amount": "9/min", "new": 1},
            SetLimit(per="account", subject="acme", what="requests", amount="9/min"),
        ),
    ],
)
def test_a_change_is_read_as_it_was_written(given, expected):
    """What a later program has added to it is passed over."""
    change = read_change(given)
    assert change == expected
    assert read_change(written(change)) == change


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"type": "block", "kind": "planet", "value": "x"}, "$.kind"),
        ({"type": "block", "kind": "ip"}, "missing required field `value`"),
        ({"type": "block", "kind": "ip", "value": ""}, "$.value"),
        ({"type": "block", "kind": "ip", "value": "x" * 5_000}, "length <= 4096"),
        ({"type": "push-rules", "bundle": "../x"}, "$.bundle"),
        ({"type": "add-rule", "id": "a"}, "either `literal` or `regex`"),
        ({"type": "add-rule", "id": "a", "literal": "x", "regex": "x"}, "either `literal` or `regex`"),
        ({"type": "of a later program"}, "$.type"),
        ({}, "type"),
        (None, "expected"),
    ],
)
def test_what_is_no_change_says_why(given, why):
    """The member, and what was expected."""
    with pytest.raises(ChangeError) as error:
        read_change(given)
    assert why.lower() in str(error.value).lower()


def test_each_kind_says_what_it_does():
    """The documents of the interface for operators are made from that."""
    assert all("." in (kind.__doc__ or "") for kind in get_args(AnyChange))
