import pytest

from guard.wire.address import (
    Listen,
    Origin,
    household,
    parse_address,
    parse_listen,
    parse_url,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:c000:201", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::", "::"),
    ],
)
def test_addresses_have_one_spelling(text, expected):
    """However an address is written, it is one value; a mapped IPv4 address is the IPv4 address."""
    assert str(parse_address(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "192.0.2",
        "192.0.2.1.5",
        "192.0.2.256",
        "1::2::3",
        "192.0.2.1/32",
        "0x7f000001",
        "010.0.0.1",
        "1.2.3.4%a",
    ],
)
def test_what_is_no_address_is_refused(text):
    """Short, octal and other loose spellings of addresses are not accepted."""
    with pytest.raises(ValueError, match=r"."):
        parse_address(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8080", Listen("127.0.0.1", 8080)),
        ("0.0.0.0:0", Listen("0.0.0.0", 0)),
        ("[::1]:8080", Listen("::1", 8080)),
        ("localhost:65535", Listen("localhost", 65_535)),
    ],
)
def test_listeners(text, expected):
    """A listener is a host and a port."""
    assert parse_listen(text) == expected


@pytest.mark.parametrize(
    "text", ["", "8080", ":8080", "localhost", "localhost:", "localhost:http", "::1:8080", "a:65536", "a:-1", "a:٣"]
)
def test_bad_listeners_are_refused(text):
    """The error says what was expected."""
    with pytest.raises(ValueError, match=r"^expected host:port or \[v6\]:port, got "):
        parse_listen(text)


@pytest.mark.parametrize(
    ("url", "origin", "base", "authority"),
    [
        ("http://a", Origin("http", "a", 80), "", "a"),
        ("http://A:9001/", Origin("http", "a", 9001), "", "a:9001"),
        ("https://a", Origin("https", "a", 443), "", "a"),
        ("https://a:80/x/y/", Origin("https", "a", 80), "/x/y", "a:80"),
        ("http://a:443", Origin("http", "a", 443), "", "a:443"),
        ("http://[::1]:9001/v1", Origin("http", "::1", 9001), "/v1", "[::1]:9001"),
    ],
)
def test_urls(url, origin, base, authority):
    """A version's URL tells the origin, the base path and the Host that requests carry."""
    assert parse_url(url) == (origin, base)
    assert origin.authority == authority


@pytest.mark.parametrize(
    "url",
    [
        "", "a", "//a", "ftp://a", "http://", "http:///x", "http://u:p@a", "http://u@a", "http://a?x", "http://a#x",
        "http://a:x", "http://a:99999", "http://[::1",
    ],
)  # fmt: skip
def test_bad_urls_are_refused(url):
    """Anything but scheme, host, port and path is an error."""
    with pytest.raises(ValueError, match=r"."):
        parse_url(url)


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("no:address", "no:address"),
    ],
)
def test_an_ipv6_host_is_not_as_many_as_it_has_addresses(address, counted):
    """Where use is limited, all addresses of a /64 are one caller."""
    assert household(address) == counted
