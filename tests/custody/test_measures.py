"""The measures in force are what the changes, in their order, come to."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.custody.control import ControlError, append, append_all, change_record
from guard.custody.measures import State
from guard.custody.tail import Tail
from guard.measures import AddedLimit, AddedRule, Block, Measures


def records(*changes: dict[str, Any], first: int = 1, **more: Any) -> list[dict[str, Any]]:
    """Changes as the control log has them."""
    return [
        {"seq": seq, "kind": "change", "at": 10.0, "actor": "ann", "reason": "r", "change": change, **more}
        for seq, change in enumerate(changes, first)
    ]


def block(kind: str, value: str) -> dict[str, Any]:
    """Somebody is not served."""
    return {"type": "block", "kind": kind, "value": value}


def unblock(kind: str, value: str) -> dict[str, Any]:
    """Somebody is served again."""
    return {"type": "unblock", "kind": kind, "value": value}


def limit(what: str, amount: str) -> dict[str, Any]:
    """Everybody may use so much."""
    return {"type": "set-limit", "per": "global", "what": what, "amount": amount}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([], Measures(0)),
        ([block("ip", "203.0.113.9")], Measures(2, (Block("ip", "203.0.113.9", "r"),))),
        ([block("ip", "192.0.2.1"), unblock("ip", "192.0.2.1")], Measures(3)),
        ([block("ip", "192.0.2.1"), unblock("client", "192.0.2.1")], Measures(3, (Block("ip", "192.0.2.1", "r"),))),
        ([unblock("ip", "192.0.2.1")], Measures(2)),
        ([{"type": "switch", "model": "chat", "version": "v1"}], Measures(2, (), (("chat", "v1"),))),
        (
            [
                {"type": "switch", "model": "chat", "version": "v1"},
                {"type": "switch", "model": "chat", "version": None},
            ],
            Measures(3),
        ),
        ([{"type": "isolate", "model": "chat"}], Measures(2, (), (), frozenset({"chat"}))),
        ([{"type": "isolate", "model": "chat"}, {"type": "online", "model": "chat"}], Measures(3)),
        ([{"type": "offline", "model": "chat"}], Measures(2, offline=frozenset({"chat"}))),
        ([{"type": "offline"}], Measures(2, offline=frozenset({None}))),
        ([{"type": "offline", "model": "chat"}, {"type": "online"}], Measures(3)),
        ([{"type": "offline"}, {"type": "online", "model": "chat"}], Measures(3, offline=frozenset({None}))),
        (
            [
                {"type": "disable-rule", "id": "a"},
                {"type": "disable-rule", "id": "b"},
                {"type": "enable-rule", "id": "a"},
            ],
            Measures(4, disabled=frozenset({"b"})),
        ),
        ([{"type": "push-rules", "bundle": "0" * 64}], Measures(2, bundle="0" * 64)),
        ([{"type": "push-rules", "bundle": "0" * 64}, {"type": "push-rules", "bundle": None}], Measures(3)),
        (
            [{"type": "set-limit", "per": "account", "subject": "acme", "what": "requests", "amount": "9/min"}],
            Measures(2, limits=(AddedLimit("account", "acme", "requests", "9/min", None),)),
        ),
        (
            [
                {"type": "set-limit", "per": "client", "what": "tokens", "amount": "9/min"},
                {"type": "set-limit", "per": "client", "what": "concurrency", "amount": "9"},
                {"type": "set-limit", "per": "global", "what": "tokens", "amount": "9/min"},
                {"type": "remove-limit", "per": "client"},
            ],
            Measures(5, limits=(AddedLimit("global", None, "tokens", "9/min", None),)),
        ),
        (
            [
                {"type": "set-limit", "per": "client", "what": "tokens", "amount": "9/min"},
                {"type": "set-limit", "per": "client", "what": "concurrency", "amount": "9"},
                {"type": "remove-limit", "per": "client", "what": "tokens"},
            ],
            Measures(4, limits=(AddedLimit("client", None, "concurrency", "9", None),)),
        ),
        (
            [{"type": "block", "kind": "agent", "value": "curl/*", "simulated": True}],
            Measures(2, (Block("agent", "curl/*", "r", True),)),
        ),
        (
            [{"type": "add-rule", "id": "a", "target": "output", "regex": "x+", "shadow": True}],
            Measures(2, rules=(AddedRule("a", "output", "x+", True, True),)),
        ),
        (
            [
                {"type": "add-rule", "id": "a", "target": "prompt", "literal": "x"},
                {"type": "add-rule", "id": "b", "target": "prompt", "literal": "y"},
                {"type": "remove-rule", "id": "a"},
            ],
            Measures(4, rules=(AddedRule("b", "prompt", "y", False, False),)),
        ),
        ([{"type": "hold", "log": None}, {"type": "of a later program"}, {"type": 7}], Measures(4)),
        ([block("planet", "x"), {"type": "block", "kind": "ip", "value": 7}, {"type": "switch"}], Measures(4)),
        ([block("ip", "nowhere")], Measures(2)),
        ([limit("requests", amount) for amount in ("100/fortnight", "0/min", "x", "inf/s")], Measures(5)),
        ([limit("concurrency", "-3"), limit("cost", "nan/d"), limit("tokens", "1")], Measures(4)),
    ],
)
def test_the_last_change_on_a_thing_counts(changes, expected):
    """Whatever else stands in the log, and what is no measure, is passed over."""
    state = State()
    state.take(records(*changes))
    assert state.measures() == expected


def test_a_measure_is_over_when_it_says():
    """One second before it is in force, then it is not; others are not touched."""
    state = State()
    state.take(records(block("ip", "192.0.2.1"), {"type": "isolate", "model": "chat"}, expires=100.0))
    state.take(records(block("ip", "192.0.2.2"), first=3))
    assert state.next_expiry == 100.0
    state.drop_expired(99.0)
    assert len(state.blocks) == 2
    state.drop_expired(100.0)
    assert state.measures() == Measures(4, (Block("ip", "192.0.2.2", "r"),))
    assert state.next_expiry == float("inf")


def test_the_last_time_that_was_said_counts():
    """Whoever is blocked again is blocked until then, whether that is later, sooner, or never."""
    state = State()
    for expires, value in ((50.0, "a"), (100.0, "b"), (50.0, "c")):
        state.take(records(block("client", value), expires=expires))
    state.take(records(block("client", "a"), expires=200.0))
    state.take(records(block("client", "b"), expires=60.0))
    state.take(records(block("client", "c")))
    left = []
    for now in (49.0, 50.0, 60.0, 100.0, 200.0, 1e9):
        state.drop_expired(now)
        left.append("".join(sorted(value for _, value in state.blocks)))
        assert len(state.measures().blocks) == len(state.blocks)
    assert left == ["abc", "abc", "ac", "ac", "c", "c"]


def test_times_that_count_no_more_are_forgotten():
    """A list that is taken again and again does not fill the memory with when its entries were once to be over."""
    state = State()
    for turn in range(20):
        state.take(records(*(block("client", f"c{number}") for number in range(200)), expires=1e9 + turn))
        state.drop_expired(10.0)
    assert len(state._ends) <= 1_600
    state.drop_expired(1e9)
    assert 1e9 < state.next_expiry <= 1e9 + 19


def test_so_many_end_at_a_time():
    """Where a long list is over at once, and somebody would rather go on in between."""
    state = State()
    state.take(records(*(block("client", f"c{number}") for number in range(5)), expires=100.0))
    state.take(records(block("client", "later"), expires=200.0))
    left = []
    while state.next_expiry <= 100.0:
        state.drop_expired(100.0, 2)
        left.append(len(state.measures().blocks))
    assert left == [4, 2, 1]
    assert state.next_expiry == 200.0


def test_lines_come_to_the_same_as_records(tmp_path):
    """Whether they are as the guard writes them, or only as somebody could have: more or less than that is in them."""
    append(tmp_path, block("ip", "203.0.113.0/24"), reason="r", incident="I", expires=1e9)
    append(tmp_path, {"type": "unblock", "kind": "ip", "value": "203.0.113.0/24"}, reason="r")
    append(tmp_path, block("ip", "203.0.113.1/24"), reason="no network")
    append(tmp_path, block("account", "acme") | {"later": 1}, reason="r")
    append(tmp_path, {"type": "hold"}, reason="r", incident="I")
    append(tmp_path, {"type": "isolate", "model": "m"}, reason="r")
    odd: list[dict[str, Any]] = [{"at": "noon"}, {"expires": True}, {"reason": None}, {"incident": 7}, {"kind": "x"}]
    for store, words in enumerate(odd):
        record = change_record(block("client", f"c{store}"), reason="r")
        append_all(tmp_path, [{**record, "store": store, **words}])
    read, taken = State(), State()
    read.read(Tail(tmp_path).lines())
    taken.take(Tail(tmp_path).news())
    assert len(taken.blocks) == 5
    assert list(read.in_force()) == list(taken.in_force())
    assert (read.version, read.shared, read.last) == (taken.version, taken.shared, taken.last)


@pytest.mark.parametrize("words", [b'"actor":"\xff"', b'"change":{"type":"block","more":%s}' % (b"[" * 9_000)])
def test_a_line_that_is_no_json_is_told(words):
    """Whoever has signed for it."""
    with pytest.raises(ControlError, match="a record is no JSON"):
        State().read([b'{"seq":1,"kind":"change",%b}\n' % words])


def test_offences_are_counted():
    """Blocks are, unless they are simulated or come from a list."""
    state = State()
    state.take(records(block("client", "a"), {**block("client", "a"), "simulated": True}, unblock("client", "a")))
    state.take(records({**block("client", "a"), "offence": False}, block("client", "a")))
    assert state.offences.told() == [("client", "a", 2, 10.0)]


CHANGES = st.lists(
    st.builds(
        lambda kind, value, add: block(kind, value) if add else unblock(kind, value),
        st.sampled_from(["account", "client", "key"]),
        st.sampled_from("abc"),
        st.booleans(),
    )
)


@given(CHANGES, st.data())
def test_it_does_not_matter_how_changes_are_read(changes, data):
    """All at once or in any pieces, they come to the same."""
    cut = data.draw(st.integers(0, len(changes)))
    whole, parts = State(), State()
    whole.take(records(*changes))
    parts.take(records(*changes)[:cut])
    parts.take(records(*changes)[cut:])
    assert whole.measures() == parts.measures()
    expected = {}
    for change in changes:
        expected[change["kind"], change["value"]] = change["type"] == "block"
    assert set(whole.blocks) == {key for key, blocked in expected.items() if blocked}
