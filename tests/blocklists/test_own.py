"""The guard's own lists."""

import pytest

from guard.blocklists.entry import Entry, ListError
from guard.blocklists.own import read, write


def test_everything_comes_back():
    """Every kind, with all that is said of it."""
    entries = [
        Entry("ip", "203.0.113.0/24", False, 2_000_000_000.25, "scans", "INC-1"), Entry("account", "acme"),
        Entry("client", "app"), Entry("key", "0" * 16), Entry("session", "s-1", True), Entry("agent", "*bot*"),
    ]  # fmt: skip
    data, left_out = write(entries)
    assert left_out == []
    assert read(data, 1.0).entries == entries


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("7", "it has no kind or no value; expected an object"),
        ("{", "this is no JSON"),
        ('{"kind": "ip"}', "it has no kind or no value"),
        ('{"kind": "planet", "value": "mars"}', "there is no kind 'planet'; expected one of ip, account"),
        ('{"kind": "ip", "value": "mars"}', "'mars' is no address or network; expected e.g."),
        ('{"kind": "ip", "value": "192.0.2.1", "foo": 1}', "there is no member 'foo'; expected any of"),
        ('{"kind": "key", "value": "sk-123"}', "its value is no fingerprint"),
        ('{"kind": "account", "value": ""}', "its value is empty"),
        ('{"kind": "agent", "value": "*"}', "is no pattern for user agents"),
        ('{"kind": "ip", "value": "192.0.2.1", "simulated": 1}', "simulated is '1'; expected true or false"),
        ('{"kind": "ip", "value": "192.0.2.1", "expires": "x"}', "expires is 'x'; expected null, or seconds"),
        ('{"kind": "ip", "value": "192.0.2.1", "expires": -1}', "expires is '-1'"),
        ('{"kind": "ip", "value": "192.0.2.1", "incident": 7}', "incident is '7'"),
    ],
)
def test_mistakes_are_told_with_their_lines(line, told):
    """And nothing is taken."""
    with pytest.raises(ListError) as error:
        read(f'\n{{"kind": "ip", "value": "192.0.2.1"}}\n{line}\n'.encode(), 1.0)
    assert str(error.value).startswith("line 3: ")
    assert told in str(error.value)
