"""Policies and exchanges as the tests of policy, stages and journal need them."""

from __future__ import annotations

from typing import Any

import msgspec

from guard.config import Config
from guard.exchange import Exchange
from guard.policy.clients import ANONYMOUS
from guard.policy.policy import build
from guard.ruleset.bundle import load
from guard.wire.head import RequestHead

SALT = bytes(32)
MODELS = {"chat": {"versions": {"v2": {"url": "http://127.0.0.1:9001"}}, "active": "v2"}}
ROUTES = [{"path": "/v1/", "format": "openai", "model": "chat"}]


def config(**sections: Any) -> Config:
    """A configuration with one OpenAI route, but for `sections`."""
    return msgspec.convert({"models": MODELS, "routes": ROUTES, **sections}, Config)


def policy(rules: Any = None, **sections: Any) -> Any:
    """What that configuration decides, with the rules of a folder (a path), or none."""
    return build(config(**sections), load(rules), SALT)


def exchange(
    policy: Any, target: str = "/v1/chat/completions", body: bytes = b"", *, peer: str = "192.0.2.1", **fields: str
) -> Any:
    """An exchange as a worker begins it; `fields` are header fields, their names with underscores."""
    one = Exchange()
    one.id = "1-test-1"
    one.at = 1_700_000_000.5
    one.peer = one.address = peer
    one.method = "POST"
    one.target = target
    one.path = target.partition("?")[0]
    headers = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in fields.items()]
    one.head = RequestHead([(b"host", b"guard"), *headers], "1.1")
    one.body = body
    one.complete = True
    one.policy = policy
    one.identity = ANONYMOUS
    one.routes = policy.routes.under(one.path)
    return one
