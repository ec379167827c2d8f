"""STIX bundles, held against the official library."""

import orjson
import pytest
import stix2

from guard.blocklists.entry import Entry, ListError
from guard.blocklists.stix import read, write

NOW = 1_700_000_000.0


def indicator(pattern: str, **more):
    """An indicator as others write it."""
    return {
        "type": "indicator", "spec_version": "2.1", "id": "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
        "created": "2023-01-01T00:00:00.000Z", "modified": "2023-01-01T00:00:00.000Z", "pattern": pattern,
        "pattern_type": "stix", "valid_from": "2023-01-01T00:00:00Z", **more,
    }  # fmt: skip


def bundle(*objects):
    """A bundle of them."""
    return orjson.dumps({"type": "bundle", "id": "bundle--5d0092c5-5f74-4287-9642-33f4c354e56d", "objects": objects})


ONE = "[ipv4-addr:value = '203.0.113.9']"


def test_a_bundle_is_read():
    """Its indicators, with their end, name and confidence; what is of another type says nothing of whom to block."""
    listed = read(
        bundle(
            {"type": "identity", "id": "identity--x"},
            indicator(ONE, name="C2\nserver", valid_until="2030-01-01T00:00:00Z", confidence=80),
            indicator("[ipv6-addr:value = '2001:db8::1' OR domain-name:value = 'example.com']"),
        ),
        NOW,
    )
    assert listed.entries == [
        Entry("ip", "203.0.113.9", False, 1_893_456_000.0, "C2 server", None, 80),
        Entry("ip", "2001:db8::1"),
    ]
    (left_out,) = listed.left_out
    assert left_out.place.startswith("objects[2] 'indicator--8e2e")
    assert left_out.why == "the guard does not block by domain-name:value ="


@pytest.mark.parametrize(
    ("more", "over", "told"),
    [
        ({"revoked": True}, 1, None),
        ({"valid_until": "2023-02-01T00:00:00Z"}, 1, None),
        ({"valid_from": "2030-01-01T00:00:00Z"}, 0, "it is valid only from 2030-01-01T00:00:00Z on"),
        ({"pattern_type": "snort"}, 0, "its pattern is of the type 'snort', not stix"),
        ({"pattern": "[ipv4-addr:value = '192.0.2.1'] AND [ipv4-addr:value = '192.0.2.2']"}, 0, "AND"),
    ],
)
def test_what_is_not_valid_now_is_not_taken(more, over, told):
    """What is over is counted, and all else is told."""
    listed = read(bundle(indicator(ONE) | more), NOW)
    assert listed.entries == []
    assert listed.over == over
    assert [told in one.why for one in listed.left_out] == ([True] if told else [])


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"{", "line 1: this is no JSON"),
        (b"[]", "the document: it is no bundle"),
        (b'{"type": "indicator"}', "the document: it is no bundle"),
        (b'{"type": "bundle", "objects": 7}', "the document: it is no bundle"),
        (bundle(7), r"objects\[0\]: it is no object"),
        (bundle(indicator("") | {"pattern": 7}), "it has no pattern"),
        (bundle(indicator(ONE, valid_until="soon")), "'soon' is no time"),
        (bundle(indicator(ONE, confidence=101)), "its confidence is '101'"),
        (bundle(indicator(ONE, confidence="high")), "its confidence is 'high'"),
    ],
)
def test_mistakes_are_told_with_their_places(data, told):
    """And nothing is taken."""
    with pytest.raises(ListError, match=told):
        read(data, NOW)


def test_a_bundle_is_one_to_the_official_library():
    """Every kind that has a pattern, with hostile names; what has none is told."""
    entries = [
        Entry("ip", "203.0.113.9", expires=NOW + 60, reason="x" * 500, at=NOW - 5), Entry("ip", "198.51.100.0/24"),
        Entry("ip", "2001:db8::/32", at=NOW), Entry("agent", "it's \\ bad"), Entry("agent", "*bad bot/?"),
        Entry("agent", "a_b%"), Entry("agent", "*a_b*"), Entry("account", "acme"), Entry("ip", "192.0.2.1", True),
    ]  # fmt: skip
    data, left_out = write(entries, NOW)
    parsed = stix2.parse(data.decode())
    assert [one.pattern for one in parsed.objects[:3]] == [
        "[ipv4-addr:value = '203.0.113.9']", "[ipv4-addr:value ISSUBSET '198.51.100.0/24']",
        "[ipv6-addr:value ISSUBSET '2001:db8::/32']",
    ]  # fmt: skip
    assert [one.place for one in left_out] == ["agent *a_b*", "account acme", "ip 192.0.2.1"]
    assert {(one.kind, one.value) for one in read(data, NOW).entries} == {(one.kind, one.value) for one in entries[:6]}
    again, _ = write(entries, NOW)
    assert [one["id"] for one in orjson.loads(again)["objects"]] == [one.id for one in parsed.objects]
    assert not hasattr(stix2.parse(write([], NOW)[0].decode(), version="2.1"), "objects")


def test_what_the_official_library_writes_is_read():
    """A bundle of its own making."""
    pattern = stix2.ObservationExpression(
        stix2.OrBooleanExpression([
            stix2.EqualityComparisonExpression("ipv4-addr:value", "192.0.2.1"),
            stix2.IsSubsetComparisonExpression("ipv6-addr:value", "2001:db8::/32"),
        ])
    )  # fmt: skip
    made = stix2.Indicator(
        pattern=str(pattern), pattern_type="stix", valid_from="2023-01-01T00:00:00Z", name="theirs", confidence=7
    )
    listed = read(stix2.Bundle(made).serialize().encode(), NOW)
    assert [one.value for one in listed.entries] == ["192.0.2.1", "2001:db8::/32"]
    assert listed.entries[0].reason == "theirs"
