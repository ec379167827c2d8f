"""Names of the listener."""

import pytest

from guard.admin.hosts import bracketed, is_known, is_own, known_hosts


def test_the_names_of_a_listener():
    """Loopback's, its address, and those of the configuration; no wildcard is a name."""
    loopback = {"localhost", "127.0.0.1", "[::1]"}
    assert known_hosts("0.0.0.0:1", ["Guard.example"]) == loopback | {"guard.example"}
    assert known_hosts("[2001:db8::1]:1", []) == loopback | {"[2001:db8::1]"}
    assert known_hosts("guard.internal:1", []) == loopback | {"guard.internal"}


@pytest.mark.parametrize(
    ("header", "local", "expected"),
    [
        ("localhost", None, True),
        ("localhost:81", None, True),
        ("LocalHost.", None, True),
        ("10.0.0.7:81", "10.0.0.7", True),
        ("[2001:db8::7]", "2001:db8::7", True),
        ("10.0.0.7", "10.0.0.8", False),
        ("localhost:", None, False),
        ("localhost:x", None, False),
        ("localhost, evil", None, False),
        ("", None, False),
        (None, None, False),
    ],
)
def test_a_host_is_known_or_not(header, local, expected):
    """An address counts if the connection came to that one: no other site has a name for it."""
    assert is_known(header, known_hosts("127.0.0.1:1", []), local) is expected


def test_an_origin_is_the_listeners_own_or_none():
    """With scheme and port."""
    assert is_own(None, "http", "localhost:81")
    assert is_own("HTTP://localhost:81", "http", "localhost:81")
    assert not is_own("http://localhost", "http", "localhost:81")
    assert not is_own("https://localhost:81", "http", "localhost:81")


def test_addresses_as_they_stand_in_urls():
    """Those of IPv6 in brackets."""
    assert [bracketed(host) for host in ("::1", "[::1]", "10.0.0.1")] == ["[::1]", "[::1]", "10.0.0.1"]
