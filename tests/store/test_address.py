"""URLs of stores."""

import pytest

from guard.store.address import Address, parse, url_of


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://h", Address("server", (("h", 6379),))),
        ("redis://h:7000/", Address("server", (("h", 7000),))),
        ("rediss://h:7000/3", Address("server", (("h", 7000),), tls=True, database=3)),
        ("redis://[2001:db8::1]:7000", Address("server", (("2001:db8::1", 7000),))),
        ("redis://u:p%40w@h", Address("server", (("h", 6379),), user="u", password="p@w")),
        ("redis://:pw@h", Address("server", (("h", 6379),), password="pw")),
        ("redis+sentinel://a,b:1/s", Address("sentinel", (("a", 26379), ("b", 1)), service="s")),
        ("rediss+sentinel://:pw@a/s/2", Address("sentinel", (("a", 26379),), True, None, "pw", "s", 2)),
        ("redis+cluster://a,b:7001", Address("cluster", (("a", 6379), ("b", 7001)))),
        ("redis+cluster://a/0", Address("cluster", (("a", 6379),))),
        ("sqlite:store.db", Address("file", path="store.db")),
        ("sqlite:/var/lib/guard/a b%3f%25.db", Address("file", path="/var/lib/guard/a b?%.db")),
        ("sqlite:///var/lib/guard/store.db", Address("file", path="/var/lib/guard/store.db")),
    ],
)
def test_a_url_is_taken_apart(url, expected):
    """A file, one server, sentinels, or a cluster; with what ports mean where none is given."""
    assert parse(url) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", "redis"),
        ("http://h", "redis"),
        ("redis://", "redis"),
        ("redis://:sec/ret@h", "redis"),
        ("redis://h:0", "redis"),
        ("redis://h:70000", "redis"),
        ("redis://h h", "redis"),
        ("redis://h?db=1", "redis"),
        ("redis://h#1", "redis"),
        ("redis://h/x", "number of a database"),
        ("redis://a,b", "one host"),
        ("redis+sentinel://a,b", "service"),
        ("redis+sentinel://a,b/s/x", "number of a database"),
        ("redis+cluster://a/1", "only one"),
        ("redis+other://a", "redis"),
        ("sqlite:", "path of a file"),
        ("sqlite://host/store.db", "path of a file"),
        ("sqlite:///", "path of a file"),
        ("sqlite:folder/", "path of a file"),
        ("sqlite:store.db?mode=sec", "path of a file"),
        ("sqlite:a\nb", "path of a file"),
        ("sqlite:a%00b", "path of a file"),
    ],
)
def test_what_is_no_url_is_told_without_repeating_it(url, expected):
    """The message says what was expected; what was given may hold a password."""
    with pytest.raises(ValueError, match=expected) as caught:
        parse(url)
    assert "sec" not in str(caught.value)


def test_a_password_is_not_shown():
    """Neither where the address is printed for people, nor where it is for programmers."""
    address = parse("redis+cluster://user:secret@[::1]:7,b/")
    assert str(address) == "[::1]:7,b:6379"
    assert "secret" not in repr(address)


@pytest.mark.parametrize("path", ["/var/store.db", "/a b/100 %?.db#1", "/ä/store.db"])
def test_a_path_has_a_url(path):
    """Whatever is in it."""
    assert parse(url_of(path)).path == path


def test_a_file_is_shown_as_it_is():
    """Its path."""
    assert str(parse("sqlite:///var/store.db")) == "/var/store.db"
