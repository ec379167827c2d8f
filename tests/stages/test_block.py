from typing import Any

import pytest

from guard.policy.meters import Meters
from guard.refusal import Refusal
from guard.stages.block import block
from tests.support.values import exchange, policy

CLIENTS = {"app": {"key": "app-key", "account": "acme"}}


def asked(blocks: list[dict[str, Any]], address: str = "192.0.2.1", key: str = "app-key"):
    """An exchange of that caller under these blocks."""
    one = exchange(policy(clients=CLIENTS, blocks=blocks), peer=address)
    one.identity = one.policy.clients.identify(key)
    return one


@pytest.mark.parametrize(
    ("blocked", "found"),
    [
        ({"ip": "192.0.2.0/24"}, "block address 192.0.2.0/24"),
        ({"account": "acme"}, "block account acme"),
        ({"client": "app"}, "block client app"),
        ({"key": "app-key"}, "block key "),
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
