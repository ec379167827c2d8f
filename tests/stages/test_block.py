from typing import Any

import pytest

from guard.measures import Block
from guard.policy.meters import Meters
from guard.refusal import Refusal
from guard.stages.block import block
from guard.wire.head import RequestHead
from tests.support.values import exchange, policy

CLIENTS = {"app": {"key": "app-key", "account": "acme"}}


def asked(blocks: list[dict[str, Any]], address: str = "192.0.2.1", key: str = "app-key"):
    """An exchange of that caller under these blocks."""
    one = exchange(policy(clients=CLIENTS, blocks=blocks), peer=address, user_agent="curl/8.9.1")
    one.asked_in = "s-1"
    one.identity = one.policy.clients.identify(key)
    return one


@pytest.mark.parametrize(
    ("blocked", "found"),
    [
        ({"ip": "192.0.2.0/24"}, "block address 192.0.2.0/24"),
        ({"account": "acme"}, "block account acme"),
        ({"client": "app"}, "block client app"),
        ({"key": "app-key"}, "block key "),
        ({"session": "s-1"}, "block session s-1"),
        ({"agent": "CURL/*"}, "block agent CURL/*"),
    ],
)
def test_who_is_blocked_is_refused(blocked, found):
    """A blocked caller gets 403 in the same words whatever is blocked; which it was is a finding for the journal."""
    one = asked([{**blocked, "reason": "the reason"}])
    with pytest.raises(Refusal) as refused:
        block(one, Meters())
    assert (refused.value.status, refused.value.code, refused.value.message) == (
        403,
        "client_blocked",
        "this client is blocked",
    )
    (finding,) = one.findings
    assert finding["rule"].startswith(found)
    assert {key: finding[key] for key in ("target", "mode", "action")} == {
        "target": "client",
        "mode": "enforce",
        "action": "block",
    }
    assert "app-key" not in str(one.findings)


def test_others_pass():
    """Blocks of others are nobody's business."""
    one = asked([{"ip": "198.51.100.0/24"}, {"account": "other"}, {"client": "lone"}, {"key": "bad-key"}])
    block(one, Meters())
    assert one.findings == []


def test_who_is_blocked_by_way_of_trial_passes():
    """A block that is simulated is a finding in the mode of rules that only watch, and no more."""
    one = asked([{"ip": "192.0.2.0/24", "simulated": True}])
    block(one, Meters())
    assert one.findings == [
        {"rule": "block address 192.0.2.0/24", "target": "client", "mode": "shadow", "action": "block"}
    ]


def test_what_a_head_tells_is_asked_once_for_each_state_of_the_blocks():
    """The same head again needs no look-up; under other blocks it is asked anew, also within one policy version."""
    one = asked([])
    block(one, Meters())
    assert one.head.blocked == (one.policy.blocks.number, None)
    taken = [Block("agent", "curl/8*", "r")]
    one.policy = one.policy._replace(blocks=one.policy.blocks.with_taken(taken))
    with pytest.raises(Refusal):
        block(one, Meters())
    assert one.head.blocked == (one.policy.blocks.number, ("agent curl/8*", False))


def test_of_several_user_agents_none_is_left_out():
    """A header that stands twice says both."""
    one = exchange(policy(blocks=[{"agent": "*badbot*"}]))
    one.head = RequestHead([(b"host", b"g"), (b"user-agent", b"BadBot/1"), (b"user-agent", b"Mozilla/5.0")], "1.1")
    with pytest.raises(Refusal):
        block(one, Meters())
