"""The table of all calls, held against what the listener really does: every call by everybody."""

import pytest

from guard.admin.operators import ROLES
from guard.admin.table import ACTIONS
from tests.support.admin import admin

PARTS = {
    "kind": "ip", "value": "192.0.2.1", "per": "account", "what": "requests", "subject": "acme", "id": "x", "name": "x",
    "model": "chat",
}  # fmt: skip

# What each call needs: written by hand, so that nobody widens a role unseen.
NEEDED = {
    ("GET", "/healthz"): None,
    ("GET", "/readyz"): None,
    ("GET", "/metrics"): None,
    ("GET", "/openapi.json"): "viewer",
    ("GET", "/v1/status"): "viewer",
    ("GET", "/v1/blocks"): "viewer",
    ("GET", "/v1/blocks/{kind}/{value}"): "viewer",
    ("GET", "/v1/limits"): "viewer",
    ("GET", "/v1/limits/{per}/{what}"): "viewer",
    ("GET", "/v1/limits/{per}/{what}/{subject}"): "viewer",
    ("GET", "/v1/limits/configured"): "viewer",
    ("GET", "/v1/usage"): "viewer",
    ("GET", "/v1/callers"): "viewer",
    ("GET", "/v1/offences"): "viewer",
    ("GET", "/v1/rulebook"): "viewer",
    ("GET", "/v1/rollback"): "analyst",
    ("POST", "/v1/bundles"): "operator",
    ("GET", "/v1/rules"): "viewer",
    ("GET", "/v1/rules/{id}"): "viewer",
    ("GET", "/v1/routes"): "viewer",
    ("GET", "/v1/routes/{model}"): "viewer",
    ("GET", "/v1/measures"): "viewer",
    ("GET", "/v1/changes"): "analyst",
    ("GET", "/v1/events"): "analyst",
    ("GET", "/v1/journal"): "analyst",
    ("GET", "/v1/journal/{id}"): "analyst",
    ("POST", "/v1/blocks"): "operator",
    ("DELETE", "/v1/blocks/{kind}/{value}"): "operator",
    ("POST", "/v1/limits"): "operator",
    ("DELETE", "/v1/limits/{per}/{what}"): "operator",
    ("DELETE", "/v1/limits/{per}/{what}/{subject}"): "operator",
    ("POST", "/v1/rules"): "operator",
    ("DELETE", "/v1/rules/{id}"): "operator",
    ("POST", "/v1/routes"): "operator",
    ("POST", "/v1/changes"): "operator",
    ("GET", "/v1/operators"): "commander",
    ("GET", "/v1/operators/{name}"): "commander",
    ("POST", "/v1/operators"): "commander",
    ("DELETE", "/v1/operators/{name}"): "commander",
}


def test_every_call_needs_what_it_should():
    """There is no call but these, and each needs the role that is written down here."""
    assert {(action.method, action.pattern): action.role for action in ACTIONS} == NEEDED


@pytest.mark.parametrize("role", [None, *ROLES])
async def test_every_call_by_everybody(tmp_path, role):
    """Without a token 401, without the role 403, and never anything else; with it never one of these two."""
    async with admin(tmp_path) as api, api.client(role) as client:
        for (method, pattern), needed in NEEDED.items():
            path = pattern.format(**PARTS)
            async with client.stream(method, path) as answer:
                status = answer.status_code
            if needed is None:
                expected = status == 200
            elif role is None:
                expected = status in {401, 429}
            elif ROLES.index(role) < ROLES.index(needed):
                expected = status == 403
            else:
                expected = status not in {401, 403} and status < 500
            assert expected, (method, path, role, status)


async def test_orders_about_operators_are_a_commanders_in_any_way(tmp_path):
    """Who may give orders of any kind may give none that makes them more than they are."""
    change = {"type": "add-operator", "name": "me", "role": "commander", "token": "0" * 64}
    async with admin(tmp_path) as api:
        for given in ([change], [{"type": "block", "kind": "ip", "value": "192.0.2.1"}, change]):
            async with api.client("operator") as client:
                answer = await client.post("/v1/changes", json={"changes": given, "reason": "r"})
            assert answer.status_code == 403
        async with api.client("commander") as client:
            answer = await client.post("/v1/changes", json={"changes": [change], "reason": "r"})
        assert answer.status_code == 201
        assert "0" * 64 not in answer.text
