"""Changes held against the configuration."""

import pytest

from guard import changes as ch
from guard.control.checks import checked
from guard.control.errors import OrderError
from tests.support.admin import config


@pytest.mark.parametrize(
    ("given", "change"),
    [
        ({"type": "block", "kind": "ip", "value": "203.0.113.9/24"}, ch.Block(kind="ip", value="203.0.113.0/24")),
        (
            {"type": "unblock", "kind": "key", "value": "ABCDEF0123456789"},
            ch.Unblock(kind="key", value="abcdef0123456789"),
        ),
        ({"type": "unblock", "kind": "client", "value": "gone"}, ch.Unblock(kind="client", value="gone")),
        ({"type": "block", "kind": "ip", "value": "9.0.0.0/8"}, ch.Block(kind="ip", value="9.0.0.0/8")),
        (
            {"type": "block", "kind": "ip", "value": "::/0", "wide": True},
            ch.Block(kind="ip", value="::/0", wide=True),
        ),
        ({"type": "unblock", "kind": "ip", "value": "::/0"}, ch.Unblock(kind="ip", value="::/0")),
        ({"type": "switch", "model": "chat"}, ch.Switch(model="chat")),
        ({"type": "offline"}, ch.Offline()),
        (
            {"type": "set-limit", "per": "client", "what": "cost", "amount": "2.50/month"},
            ch.SetLimit(per="client", what="cost", amount="2.50/month"),
        ),
        ({"type": "add-rule", "id": "r", "literal": "evil"}, ch.AddRule(id="r", literal="evil")),
    ],
)
def test_a_change_has_one_spelling(tmp_path, given, change):
    """What is taken back may be of somebody who is not in the configuration any more."""
    assert checked(given, config(tmp_path)) == change


@pytest.mark.parametrize(
    ("given", "where", "told"),
    [
        ({}, "", "missing required field `type`"),
        ({"type": "nothing"}, "type", "nvalid value 'nothing'"),
        ({"type": "isolate"}, "", "missing required field `model`"),
        ({"type": "isolate", "model": 7}, "model", "expected `str`, got `int`"),
        ({"type": "isolate", "model": "chat", "for": "ever"}, "", "isolate has no member 'for'"),
        ({"type": "isolate", "model": "other"}, "model", "there is no model 'other'"),
        ({"type": "switch", "model": "chat", "version": "v9"}, "version", "chat has no version 'v9'"),
        ({"type": "block", "kind": "ip", "value": "x"}, "value", "is no address or network"),
        ({"type": "block", "kind": "client", "value": "x"}, "value", "there is no client 'x'"),
        ({"type": "block", "kind": "ip", "value": "0.0.0.0/0"}, "value", "is not blocked, for it holds everybody"),
        ({"type": "block", "kind": "ip", "value": "::/0"}, "value", "guard route isolate"),
        ({"type": "block", "kind": "ip", "value": "::ffff:0:0/96"}, "value", "it holds everybody"),
        ({"type": "block", "kind": "ip", "value": "9.0.0.0/7", "simulated": True}, "value", "it is wider than /8"),
        ({"type": "block", "kind": "ip", "value": "2000::/3"}, "value", "it is wider than /16"),
        ({"type": "add-rule", "id": "r"}, "", "either `literal` or `regex`"),
        ({"type": "add-rule", "id": "r", "regex": "((("}, "regex", "a '(' that nothing closes"),
        ({"type": "set-limit", "per": "client", "what": "tokens", "amount": "much"}, "amount", "no amount of tokens"),
        ({"type": "add-operator", "name": "a b", "role": "viewer", "token": "0" * 64}, "name", "an operator's name"),
        ({"type": "add-operator", "name": "a", "role": "viewer", "token": "t"}, "token", "matching regex"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(tmp_path, given, where, told):
    """It is told where, and why."""
    with pytest.raises(OrderError) as error:
        checked(given, config(tmp_path))
    assert error.value.where == where
    assert told in str(error.value)
