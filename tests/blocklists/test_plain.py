"""Plain lists."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.blocklists.entry import Entry, LeftOut, ListError
from guard.blocklists.plain import read, write

LIST = b"""\
# a list
203.0.113.9
 198.51.100.0/24 ; SBL256894
2001:DB8::/32\t# documentation
192.0.2.9 # 192.0.2.10

; the end
192.0.2.1 - 192.0.2.4
203.0.113.77/24
"""


def test_a_list_is_read():
    """Entries with what stands behind them, in either mark of comments; ranges are the networks that they come to."""
    listed = read(LIST.replace(b"\n", b"\r\n"), 0.0)
    assert [(one.value, one.reason) for one in listed.entries] == [
        ("203.0.113.9", ""),
        ("198.51.100.0/24", "SBL256894"),
        ("2001:db8::/32", "documentation"),
        ("192.0.2.9", "192.0.2.10"),
        ("192.0.2.1", ""),
        ("192.0.2.2/31", ""),
        ("192.0.2.4", ""),
        ("203.0.113.0/24", ""),
    ]
    assert (listed.over, listed.left_out) == (0, [])
    assert read(b"\xef\xbb\xbf192.0.2.1", 0.0).entries == [Entry("ip", "192.0.2.1")]
    assert read(b"", 0.0).entries == []


def test_mistakes_are_told_with_their_lines():
    """All of them, and nothing is taken."""
    with pytest.raises(ListError) as error:
        read(b"192.0.2.1\nexample.com\n192.0.2.9-192.0.2.1\n1.2.3.4-::1\n1.2.3\n010.0.0.1\n1.2.3.4-\n", 0.0)
    assert [one.place for one in error.value.problems] == [f"line {number}" for number in range(2, 8)]
    assert "'example.com' is none; expected an address, a network" in str(error.value)
    with pytest.raises(ListError, match="line 2: there is a byte that is no UTF-8"):
        read(b"192.0.2.1\n\xff\n", 0.0)


@pytest.mark.parametrize("line", ["fe80::1%eth0", "fe80::1%eth0/64", "fe80::1%eth0-fe80::2%eth0", "fe80::1-fe80::2%a"])
def test_a_zone_is_a_mistake(line):
    """It would be another network without it, or none."""
    with pytest.raises(ListError, match=r"line 2: .* is none"):
        read(f"192.0.2.1\n{line}\n".encode(), 0.0)


def test_reading_ends_where_all_is_wrong():
    """A file of another format is not gone through to its end."""
    with pytest.raises(ListError) as error:
        read(b"x\n" * 100_000, 0.0)
    assert len(error.value.problems) == 1_000


def test_what_has_no_place_is_told():
    """A plain list would enforce what is simulated, and cannot say who an account is."""
    entries = [Entry("ip", "192.0.2.1"), Entry("account", "acme"), Entry("ip", "192.0.2.2", simulated=True)]
    data, left_out = write(entries)
    assert data == b"192.0.2.1\n"
    assert left_out == [
        LeftOut("account acme", "a plain list has addresses and networks only"),
        LeftOut("ip 192.0.2.2", "it is simulated, and a plain list would block it"),
    ]


@given(st.binary(max_size=200))
def test_no_bytes_do_harm(data):
    """Whatever a file has, it is a list or a told mistake."""
    with suppress(ListError):
        read(data, 0.0)
