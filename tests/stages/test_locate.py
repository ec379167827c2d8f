import pytest

from guard.policy.meters import Meters
from guard.refusal import Refusal
from guard.stages.locate import locate
from tests.support.values import exchange, policy

ROUTES = [
    {"path": "/v1/messages", "format": "anthropic", "model": "chat"},
    {"path": "/v1/", "format": "openai", "model": "chat", "names": ["a"]},
    {"path": "/v1/", "format": "openai", "model": "chat"},
]


@pytest.mark.parametrize(
    ("target", "path", "routes"),
    [
        ("/v1/messages", "/v1/messages", ["/v1/messages", "/v1/", "/v1/"]),
        ("/v1/messages?beta=true", "/v1/messages", ["/v1/messages", "/v1/", "/v1/"]),
        ("/v1/chat/completions", "/v1/chat/completions", ["/v1/", "/v1/"]),
        ("/v1/?/v1/messages", "/v1/", ["/v1/", "/v1/"]),
        ("/v1/x?a?b", "/v1/x", ["/v1/", "/v1/"]),
    ],
)
def test_candidates_are_found_by_path(target, path, routes):
    """The path is the target without its query, and the candidates are all routes above it, in order."""
    one = exchange(policy(routes=ROUTES), target)
    locate(one, Meters())
    assert one.path == path
    assert [route.path for route in one.routes] == routes


@pytest.mark.parametrize("target", ["/", "/v1", "/v2/chat", "/V1/chat", "/x?/v1/", "//v1/chat", "/%761/chat"])
def test_a_path_without_route_is_not_found(target):
    """Nothing but a configured prefix, as it is written, leads anywhere."""
    with pytest.raises(Refusal) as refused:
        locate(exchange(policy(routes=ROUTES), target), Meters())
    assert (refused.value.status, refused.value.code) == (404, "not_found")
