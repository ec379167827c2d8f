"""Which route a WebSocket belongs to."""

from __future__ import annotations

from typing import Any

import pytest

from guard.exchange import Exchange
from guard.policy.meters import Meters
from guard.refusal import Refusal
from guard.stages.upgrade import upgrade
from tests.support.values import MODELS, exchange, policy

ROUTES = [
    {"path": "/v1/realtime", "format": "openai", "model": "chat", "websocket": True, "names": ["gpt-*"]},
    {"path": "/v1/realtime", "format": "openai", "model": "other", "names": ["old-*"]},
    {"path": "/v1/live", "format": "openai", "model": "other", "websocket": True},
    {"path": "/v1/", "format": "openai", "model": "chat", "names": ["gpt-*"]},
]
POLICY = policy(models={"chat": MODELS["chat"], "other": MODELS["chat"]}, routes=ROUTES)
HANDSHAKE = {
    "connection": "Upgrade", "upgrade": "websocket", "sec_websocket_version": "13",
    "sec_websocket_key": "dGhlIHNhbXBsZSBub25jZQ==",
}  # fmt: skip


def opening(rules: Any, target: str, **changed: str) -> Any:
    """An exchange that asks for a WebSocket."""
    fields: Any = HANDSHAKE | changed
    one = exchange(rules, target, **fields)
    one.method = "GET"
    return one


def asked(path: Any = None, target: str = "/v1/realtime", **route: Any) -> Exchange:
    """One whose session is open, on a route with these keys; `path`: a folder of rules."""
    entry = {"path": "/v1/", "format": "openai", "model": "chat", "websocket": True, **route}
    one: Exchange = opening(policy(path, routes=[entry]), target)
    upgrade(one, Meters())
    return one


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/v1/realtime?model=gpt-realtime", ("/v1/realtime", "chat")),
        ("/v1/realtime?a=b&mo%64el=gpt%2Drealtime", ("/v1/realtime", "chat")),
        ("/v1/realtime?model=old-1", (501, "upgrade_not_supported")),
        ("/v1/realtime?model=else", (404, "model_not_found")),
        ("/v1/realtime", (404, "model_not_found")),
        ("/v1/realtime?model=", (404, "model_not_found")),
        ("/v1/realtime?model=gpt-1&model=old-1", (400, "bad_request")),
        ("/v1/realtime?model=gpt-1&mo%64el=gpt-1", (400, "bad_request")),
        ("/v1/live", ("/v1/live", "other")),
        ("/v1/live?model=whatever", ("/v1/live", "other")),
        ("/v1/chat/completions?model=gpt-1", (501, "upgrade_not_supported")),
        ("/v1/chat/completions", (501, "upgrade_not_supported")),
    ],
)
def test_the_route_is_told_by_the_path_and_the_querys_model(target, expected):
    """The first that accepts the model is taken, if it relays WebSockets."""
    one = opening(POLICY, target)
    if isinstance(expected[0], int):
        with pytest.raises(Refusal) as refused:
            upgrade(one, Meters())
        assert (refused.value.status, refused.value.code) == expected
        assert one.route is None
    else:
        upgrade(one, Meters())
        assert (one.route.path, one.route.model.name) == expected


def test_what_is_offered_is_checked_only_where_there_are_websockets():
    """A bad handshake is 400 or 426 on such a route, and 501 on any other."""
    for target, status in (("/v1/live", 426), ("/v1/chat/completions", 501)):
        with pytest.raises(Refusal) as refused:
            upgrade(opening(POLICY, target, sec_websocket_version="8"), Meters())
        assert refused.value.status == status
