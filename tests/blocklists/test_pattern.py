"""STIX patterns, as far as they say whom to block."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.blocklists.pattern import UnsupportedError, named, quoted

UA = "network-traffic:extensions.'http-request-ext'.request_header.'User-Agent'"


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[ipv4-addr:value = '203.0.113.9']", ["ip 203.0.113.9"]),
        ("[ipv4-addr:value='203.0.113.9']", ["ip 203.0.113.9"]),
        ("  [ ipv4-addr:value = '198.51.100.0/24' ]  ", ["ip 198.51.100.0/24"]),
        ("[ipv4-addr:value ISSUBSET '198.51.100.0/24']", ["ip 198.51.100.0/24"]),
        ("[ipv6-addr:value = '2001:DB8::1']", ["ip 2001:db8::1"]),
        ("[ipv4-addr:value IN ('192.0.2.1', '192.0.2.2')]", ["ip 192.0.2.1", "ip 192.0.2.2"]),
        ("[ipv4-addr:value = '192.0.2.1' OR ipv4-addr:value = '192.0.2.2']", ["ip 192.0.2.1", "ip 192.0.2.2"]),
        ("[(ipv4-addr:value = '192.0.2.1') OR (ipv6-addr:value = '::1')]", ["ip 192.0.2.1", "ip ::1"]),
        ("[ipv4-addr:value = '192.0.2.1'] OR [ipv4-addr:value = '192.0.2.2']", ["ip 192.0.2.1", "ip 192.0.2.2"]),
        ("([ipv4-addr:value = '192.0.2.1'] or [ipv4-addr:value = '192.0.2.2'])", ["ip 192.0.2.1", "ip 192.0.2.2"]),
        ("[network-traffic:src_ref.value = '192.0.2.1']", ["ip 192.0.2.1"]),
        (f"[{UA} = 'BadBot/1.0']", ["agent badbot/1.0"]),
        (f"[{UA} LIKE 'BadBot/_.%']", ["agent badbot/?.*"]),
        (f"[{UA} = 'it\\'s \\\\']", ["agent it's \\"]),
    ],
)
def test_whom_a_pattern_names(pattern, expected):
    """Any of its parts alone is a reason to block whom it names."""
    callers, others = named(pattern)
    assert [f"{one.kind} {one.value}" for one in callers] == expected
    assert others == []


@pytest.mark.parametrize(
    ("pattern", "found", "told"),
    [
        ("[domain-name:value = 'example.com']", 0, "does not block by domain-name:value ="),
        ("[ipv4-addr:value = '192.0.2.1' OR url:value = 'http://x/']", 1, "does not block by url:value ="),
        ("[ipv4-addr:value != '192.0.2.1']", 0, "ipv4-addr:value !="),
        ("[ipv4-addr:value LIKE '192.0.2.%']", 0, "ipv4-addr:value LIKE"),
        ("[ipv4-addr:value ISSUPERSET '192.0.2.1']", 0, "ISSUPERSET"),
        ("[ipv4-addr:value = 'nonsense']", 0, "'nonsense' is no address or network"),
        (f"[{UA} = 'a*b']", 0, "has a * or ?"),
        (f"[{UA} LIKE '%']", 0, "is no pattern for user agents"),
    ],
)
def test_parts_that_say_something_else_are_told(pattern, found, told):
    """They do not hide those that say whom to block."""
    callers, others = named(pattern)
    assert len(callers) == found
    assert len(others) == 1
    assert told in others[0]


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("[ipv4-addr:value = '192.0.2.1' AND network-traffic:dst_port = '80']", "the pattern has AND"),
        ("[ipv4-addr:value = '192.0.2.1'] AND [ipv4-addr:value = '192.0.2.2']", "the pattern has AND"),
        ("[ipv4-addr:value = '192.0.2.1'] FOLLOWEDBY [ipv4-addr:value = '192.0.2.2']", "FOLLOWEDBY"),
        ("[ipv4-addr:value = '192.0.2.1'] REPEATS 5 TIMES", "cannot be read from"),
        ("[ipv4-addr:value = '192.0.2.1'] WITHIN", "WITHIN"),
        ("[ipv4-addr:value NOT = '192.0.2.1']", "NOT"),
        ("[NOT ipv4-addr:value = '192.0.2.1']", "where the name of a property was expected"),
        ("[network-traffic:dst_port = 80]", "cannot be read from"),
        ("ipv4-addr:value = '192.0.2.1'", "where [ was expected"),
        ("[ipv4-addr:value = '192.0.2.1'", "where ] was expected"),
        ("[ipv4-addr:value = '192.0.2.1']]", "goes on with ']'"),
        ("[ipv4-addr:value = '192.0.2.1", "cannot be read from"),
        ("[ipv4-addr:value IN ()]", "where a text in quotes was expected"),
        ("", "'the end' where [ was expected"),
        ("(" * 17, "nested too deep"),
        ("[" + " " * 70_000, "more than 65536 characters"),
    ],
)
def test_what_is_no_reason_to_block_is_told(pattern, told):
    """Of two things that must come together neither alone is a reason; what cannot be read is none either."""
    with pytest.raises(UnsupportedError) as error:
        named(pattern)
    assert told in str(error.value)


@given(st.text(alphabet="[]()'\\=,. abANDOR:-ipv4addrvalue", max_size=80))
def test_no_pattern_does_harm(pattern):
    """Whatever it is, it names somebody or is told."""
    with suppress(UnsupportedError):
        named(pattern)


@given(st.text(max_size=20).map(lambda text: f"x{text}".strip()))
def test_texts_are_quoted_so_that_they_come_back(text):
    """Quotes and backslashes in them too."""
    if "*" not in text and "?" not in text:
        assert named(f"[{UA} = {quoted(text)}]")[0] == [("agent", text.lower())]
