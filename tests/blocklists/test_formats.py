"""All formats: what is written is read again."""

from contextlib import suppress

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.blocklists import formats
from guard.blocklists.entry import Entry, ListError
from guard.blocklists.formats import read, write
from guard.wire.naming import agent_pattern, network

NOW = 1_700_000_000.0
NETWORKS = st.tuples(st.ip_addresses(), st.integers(0, 128)).map(
    lambda drawn: network(f"{drawn[0]}/{min(drawn[1], drawn[0].max_prefixlen)}")
)
AGENTS = st.text(alphabet="aZ é'\\/.*?%_\n", max_size=12).map(lambda text: agent_pattern(f"x{text}y"))
WORDS = st.text(alphabet="ab '\"\\;#,é", max_size=20).map(lambda text: " ".join(text.split()))
ENTRIES = st.lists(
    st.builds(
        lambda named, simulated, expires, reason: Entry(named[0], named[1], simulated, expires, reason),
        st.one_of(st.tuples(st.just("ip"), NETWORKS), st.tuples(st.just("agent"), AGENTS)),
        st.booleans(),
        st.one_of(st.none(), st.integers(1, 10**8).map(lambda seconds: NOW + seconds)),
        WORDS,
    ),
    unique_by=lambda entry: entry.key,
    max_size=8,
)


@pytest.mark.parametrize("format", ["crowdsec", "stix", "plain", "guard"])
@given(ENTRIES)
def test_what_is_written_is_read_again(format, entries):
    """Everybody whom a format has a place for, with the time where it has one for that, and nobody else."""
    data, left_out = write(entries, format, NOW)
    lost = {one.place for one in left_out}
    kept = [one for one in entries if f"{one.kind} {one.value}" not in lost]
    listed = read(data, format, NOW)
    assert (listed.over, listed.left_out) == (0, [])
    found = {one.key: one for one in listed.entries}
    assert found.keys() == {one.key for one in kept}
    for entry in kept:
        again = found[entry.key]
        assert again.simulated == entry.simulated
        if format != "plain" and entry.expires is not None:
            assert again.expires == pytest.approx(entry.expires, abs=0.001)
    if format == "guard":
        assert (listed.entries, left_out) == (entries, [])
    else:
        assert not any(one.simulated for one in kept)


VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(max_size=8),
        st.just("192.0.2.1"),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from([
                "new", "deleted", "decisions", "value", "scope", "type", "duration", "until", "objects", "pattern",
                "pattern_type", "valid_from", "valid_until", "confidence", "revoked", "kind", "expires", "simulated",
            ]),
            inner,
            max_size=6,
        ),
    ),
    max_leaves=12,
)  # fmt: skip


@pytest.mark.parametrize("format", ["crowdsec", "stix", "guard"])
@given(
    st.one_of(
        VALUES, VALUES.map(lambda value: {"objects": [{"type": "indicator", "pattern": "", "confidence": value}]})
    )
)
def test_no_document_does_harm(format, value):
    """Whatever stands where, it is a list or a told mistake."""
    with suppress(ListError):
        read(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS, default=str), format, NOW)


def test_a_list_is_bounded(monkeypatch):
    """In bytes, before anything of it is read."""
    monkeypatch.setattr(formats, "MOST_BYTES", 10)
    with pytest.raises(ListError, match="more than 10 bytes"):
        read(b"192.0.2.100", "plain", NOW)
