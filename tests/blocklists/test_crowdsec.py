"""CrowdSec's decisions."""

import orjson
import pytest

from guard.blocklists.crowdsec import duration, read, write
from guard.blocklists.entry import Entry, ListError

NOW = 1_700_000_000.0

LISTED = [
    {
        "capacity": 0, "created_at": "2023-11-14T20:00:00Z", "id": 7, "machine_id": "m", "scenario": "s",
        "decisions": [
            {"duration": "3h59m12s", "id": 9, "origin": "crowdsec", "scenario": "crowdsecurity/ssh-bf",
             "scope": "Ip", "simulated": False, "type": "ban", "value": "203.0.113.9"},
            {"duration": "2m53.5s", "id": 10, "origin": "CAPI", "scenario": "http:scan", "scope": "Range",
             "simulated": True, "type": "ban", "value": "198.51.100.0/24"},
        ],
    },
    {"decisions": None, "scenario": "without"},
]  # fmt: skip


def test_what_cscli_lists_is_read():
    """Alerts with decisions in them, each with its time from now on, and whether it is simulated."""
    listed = read(orjson.dumps(LISTED), NOW)
    assert listed.entries == [
        Entry("ip", "203.0.113.9", False, NOW + 14_352, "crowdsecurity/ssh-bf"),
        Entry("ip", "198.51.100.0/24", True, NOW + 173.5, "http:scan"),
    ]


def test_what_the_local_api_gives_is_read():
    """Decisions, with the moment that they end at where it says one; a stream's new ones; none at all."""
    decision = {"scope": "ip", "type": "ban", "value": "192.0.2.1", "duration": "4h", "until": "2024-01-01T00:00:00Z"}
    (entry,) = read(orjson.dumps([decision]), NOW).entries
    assert entry.expires == 1_704_067_200
    listed = read(orjson.dumps({"new": [decision], "deleted": [{"value": "192.0.2.2"}]}), NOW)
    assert len(listed.entries) == 1
    assert "'192.0.2.2' is to be served again" in listed.left_out[0].why
    assert (
        read(b"null", NOW).entries
        == read(b"[]", NOW).entries
        == read(b'{"new":null,"deleted":null}', NOW).entries
        == []
    )


def test_what_cscli_imports_is_read():
    """JSON or CSV with any of the columns; what is missing is a ban of an address, for as long as the order says."""
    expected = [Entry("ip", "192.0.2.1", False, NOW + 86_400, ""), Entry("ip", "192.0.2.2", False, None, "my, list")]
    rows = [{"duration": "24h", "scope": "ip", "value": "192.0.2.1"}, {"value": "192.0.2.2", "reason": "my, list"}]
    assert read(orjson.dumps(rows), NOW).entries == expected
    assert (
        read(b'duration,scope,value,reason\r\n24h,ip,192.0.2.1\r\n,,192.0.2.2,"my, list"\r\n', NOW).entries == expected
    )
    assert read(b"value\n192.0.2.2\n", NOW).entries == [Entry("ip", "192.0.2.2")]


def test_what_is_over_or_cannot_be_done_is_told():
    """A captcha is no ban, and a country no address; what has ended is counted."""
    rows = [
        {"value": "192.0.2.1", "duration": "-1h2m3s"}, {"value": "192.0.2.2", "type": "captcha"},
        {"value": "FR", "scope": "Country"}, {"value": "192.0.2.3"},
    ]  # fmt: skip
    listed = read(orjson.dumps(rows), NOW)
    assert [one.value for one in listed.entries] == ["192.0.2.3"]
    assert listed.over == 1
    assert [(one.place, one.why) for one in listed.left_out] == [
        ("[1]", "the guard cannot do 'captcha', only ban"),
        ("[2]", "the scope 'Country' is none that the guard has"),
    ]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"[{", "line 1: this is no JSON"),
        (b"7", "no column is called value"),
        (b"\n\n", "no column is called value"),
        (b'[7, {"value": ""}, {"value": 5}]', r"\[2\]: it has no value"),
        (b'[{"decisions": 7}]', r"\[0\].decisions: it is no list"),
        (b'[{"value": "fe80::1%eth0", "duration": "1h"}]', r"\[0\]: 'fe80::1%eth0' is no address or network"),
        (b'[{"decisions": [{"value": "x"}]}]', r"\[0\].decisions\[0\]: 'x' is no address or network"),
        (b'[{"value": "192.0.2.1", "duration": "soon"}]', r"\[0\]: 'soon' is no time"),
        (b'[{"value": "192.0.2.1", "until": 7}]', r"\[0\]: '7' is no time"),
        (b"value,duration\n192.0.2.1,4h\n192.0.2.2,4x\n", "line 3: '4x' is no time"),
        (b'value\n"' + b"x" * 200_000, "this is no CSV"),
        (b"value\n\xff", "line 2: there is a byte"),
    ],
)
def test_mistakes_are_told_with_their_places(data, told):
    """And nothing is taken."""
    with pytest.raises(ListError, match=told):
        read(data, NOW)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3h59m12s", 14_352.0), ("4h", 14_400.0), ("-1m", -60.0), ("1.5s", 1.5), ("500ms", 0.5), ("7d", 604_800.0),
        ("", None), ("4", None), ("h", None), ("4h x", None), (None, None), (4, None), ("1s" * 9, None),
    ],
)  # fmt: skip
def test_durations_are_gos(text, seconds):
    """As cscli and the API write them."""
    assert duration(text) == (pytest.approx(seconds) if seconds is not None else None)


def test_decisions_are_written():
    """As cscli imports them, with an end; what CrowdSec cannot say is told."""
    entries = [
        Entry("ip", "192.0.2.0/24", expires=NOW + 14_352.4, reason="scans"), Entry("ip", "2001:db8::1"),
        Entry("agent", "curl/*"), Entry("ip", "192.0.2.9", simulated=True),
    ]  # fmt: skip
    data, left_out = write(entries, NOW)
    assert orjson.loads(data) == [
        {"duration": "3h59m12s", "origin": "guard", "reason": "scans", "scope": "Range", "type": "ban",
         "until": "2023-11-15T02:12:32.400Z", "value": "192.0.2.0/24"},
        {"duration": "87600h", "origin": "guard", "reason": "guard", "scope": "Ip", "type": "ban",
         "value": "2001:db8::1"},
    ]  # fmt: skip
    assert [one.place for one in left_out] == ["agent curl/*", "ip 192.0.2.9"]
