import pytest

from guard.formats.base import Prompt
from guard.policy.meters import Meters
from guard.refusal import Refusal
from guard.stages.route import route
from tests.support.values import MODELS, exchange, policy

RULES = policy(
    models={"chat": MODELS["chat"], "other": MODELS["chat"]},
    routes=[
        {"path": "/v1/chat", "format": "openai", "model": "chat", "names": ["gpt-*"]},
        {"path": "/v1/", "format": "openai", "model": "other", "names": ["claude-*", "o?"]},
        {"path": "/v1/models", "format": "openai", "model": "chat"},
    ],
)


@pytest.mark.parametrize(
    ("target", "name", "expected"),
    [
        ("/v1/chat/completions", "gpt-4o", ("/v1/chat", "chat")),
        ("/v1/chat/completions", "o3", ("/v1/", "other")),
        ("/v1/chat/completions", "claude-9", ("/v1/", "other")),
        ("/v1/completions", "gpt-4o", None),
        ("/v1/chat/completions", "llama", None),
        ("/v1/chat/completions", "", None),
        ("/v1/chat/completions", None, None),
        ("/v1/models", None, ("/v1/models", "chat")),
        ("/v1/models", "o3", ("/v1/", "other")),
    ],
)
def test_the_first_route_that_fits_is_taken(target, name, expected):
    """Of the routes above the path the first that accepts the document's model name is taken; none is 404."""
    one = exchange(RULES, target)
    one.prompt = Prompt([], [], name, False)
    if expected is None:
        with pytest.raises(Refusal) as refused:
            route(one, Meters())
        assert (refused.value.status, refused.value.code) == (404, "model_not_found")
        assert one.route is None
    else:
        route(one, Meters())
        assert (one.route.path, one.route.model.name) == expected


def test_without_body_there_is_no_name():
    """A request without a body can only take a route that is for any name."""
    one = exchange(RULES, "/v1/models")
    route(one, Meters())
    assert one.route.path == "/v1/models"
    with pytest.raises(Refusal):
        route(exchange(RULES, "/v1/chat/completions"), Meters())


def test_nobody_gets_to_a_model_that_is_isolated():
    """It is refused with 503, and no other route is taken in its place."""
    before = RULES.routes.under("/v1/models")
    isolated = tuple(one._replace(model=one.model._replace(isolated=True)) for one in before)
    one = exchange(RULES, "/v1/models")
    one.routes = isolated
    with pytest.raises(Refusal) as refused:
        route(one, Meters())
    assert (refused.value.status, refused.value.code) == (503, "endpoint_isolated")
    assert one.route is None
