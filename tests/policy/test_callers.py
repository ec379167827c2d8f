"""Sets of blocks that are made from one another."""

from hypothesis import given
from hypothesis import strategies as st

from guard.measures import Block
from guard.policy.callers import Callers
from guard.policy.clients import ANONYMOUS, Client, Identity
from guard.wire.networks import packed

KEYS = st.one_of(
    st.tuples(st.just("ip"), st.sampled_from(["192.0.2.1", "192.0.2.0/24", "192.0.0.0/16", "2001:db8::/32"])),
    st.tuples(st.just("agent"), st.sampled_from(["curl/*", "*l/8", "wget"])),
    st.tuples(st.sampled_from(["account", "client", "key", "session"]), st.sampled_from("ab")),
)
CHANGES = st.lists(st.dictionaries(KEYS, st.sampled_from([None, False, True]), max_size=6), max_size=5)
WHO = Identity("a", Client("b", "a"))


@given(CHANGES)
def test_a_set_is_what_its_changes_come_to(changes):
    """In whatever steps it came about it is the set of its blocks, and finds the same callers as one made at once."""
    callers = Callers()
    expected: dict[tuple[str, str], Block] = {}
    for step in changes:
        before, known = callers, dict(expected)
        blocks = {key: Block(key[0], key[1], "r", how) if how is not None else None for key, how in step.items()}
        callers = callers.changed(blocks)
        for key, block in blocks.items():
            expected.pop(key, None)
            if block is not None:
                expected[key] = block
        assert before == tuple(known.values())
    assert callers == tuple(expected.values())
    assert set(callers) == set(expected.values())
    assert len(callers) == len(expected)
    at_once = Callers.of(expected.values())
    for address in ("192.0.2.1", "192.0.2.2", "192.0.3.1", "198.51.100.1", "2001:db8::1"):
        for identity, session, agent in ((ANONYMOUS, None, None), (WHO, "b", "curl/8"), (ANONYMOUS, "a", "wget")):
            one, other = (some.find(packed(address), identity, session, agent) for some in (callers, at_once))
            assert (one is None) == (other is None)
            assert one is None or other is None or one.simulated == other.simulated


def test_one_more_has_the_rest_in_common():
    """Of thousands of names all but a small part are the very same objects."""
    callers = Callers.of(Block("session", f"s-{number}", "r") for number in range(20_000))
    more = callers.changed({("session", "t"): Block("session", "t", "r"), ("session", "s-7"): None})
    assert len(more) == len(callers) == 20_000
    assert more.find(None, ANONYMOUS, "t", None) == Block("session", "t", "r")
    assert more.find(None, ANONYMOUS, "s-7", None) is None
    assert callers.find(None, ANONYMOUS, "s-7", None) is not None
    assert sum(one is not other for one, other in zip(callers._shards, more._shards, strict=True)) <= 2


def test_sets_are_taken_as_they_are():
    """One that is a set already is not made again; what is none of its blocks is not in it."""
    callers = Callers.of([Block("ip", "192.0.2.1", "r")])
    assert Callers.of(callers) is callers
    assert Block("ip", "192.0.2.1", "other") not in callers
    assert callers != 7
    assert repr(callers) == "<Callers {'ip': 1}>"
