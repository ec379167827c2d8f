"""Networks that a list should not make the guard block."""

import pytest

from guard.blocklists.entry import Entry
from guard.blocklists.own_goals import own_goals


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("0.0.0.0/0", "it holds everybody"),
        ("::/0", "it holds everybody"),
        ("127.0.0.1", "it holds this machine's own addresses"),
        ("0.0.0.0/1", "it is wider than /8"),
        ("2000::/3", "it is wider than /16"),
        ("::/64", "it holds this machine's own addresses"),
        ("10.0.0.0/8", "it holds a network of identify.trusted_proxies (10.1.2.0/24)"),
        ("10.1.2.7", "it holds a network of identify.trusted_proxies (10.1.2.0/24)"),
        ("10.1.3.0/24", None),
        ("2001:db8::/32", None),
    ],
)
def test_own_goals(value, told):
    """Everybody, this machine, and whoever speaks for others."""
    found = own_goals([Entry("ip", value), Entry("account", "acme")], ["10.1.2.0/24"])
    assert [one.why for one in found] == ([told] if told else [])
