import ssl
from typing import Any

import pytest

from guard.config import Model, Route, Version
from guard.measures import Measures
from guard.policy.models import REMEMBERED_PATHS, Routes

MODELS = {
    "chat": Model(
        versions={
            "v1": Version(url="http://127.0.0.1:9002"),
            "v2": Version(url="https://Model.example/base/", key="secret", name="m-2"),
            "v3": Version(url="http://[::1]:9003/"),
        },
        active="v2",
        fallback=("v3", "v1"),
    ),
    "other": Model(versions={"only": Version(url="http://127.0.0.1:9009")}, active="only"),
}


def routes(*entries: Any) -> Any:
    """Routes of these entries; what they do not say is the same for all."""
    made = [Route(**{"path": "/v1/", "format": "openai", "model": "chat", **entry}) for entry in entries]
    return Routes(tuple(made), MODELS)


def test_versions_are_in_the_order_they_are_tried():
    """The active version comes first, then the fallbacks as configured; others are not tried."""
    model = routes({}).models["chat"]
    assert [version.name for version in model.versions] == ["v2", "v3", "v1"]
    assert [version.name for version in routes({}).models["other"].versions] == ["only"]


def test_what_a_version_tells():
    """A version says where it answers, as whom it is called, and under which model name."""
    v2, v3, _ = routes({}).models["chat"].versions
    assert (v2.model, v2.authority, v2.base) == ("chat", b"model.example", b"/base")
    assert (v2.origin, v2.key, v2.rename) == (("https", "model.example", 443), "secret", "m-2")
    assert (v3.authority, v3.base, v3.key, v3.rename, v3.tls) == (b"[::1]:9003", b"", None, None, None)
    assert repr(v2) == "<Version chat/v2 at model.example>"


def test_tls_is_verified():
    """A version behind https is spoken to with certificates and names checked."""
    tls = routes({}).models["chat"].versions[0].tls
    assert tls.verify_mode is ssl.CERT_REQUIRED
    assert tls.check_hostname


def test_a_missing_authority_is_an_error(tmp_path):
    """A file of certificates that is not there is found when the policy is made."""
    entry = Version(url="https://model.example", ca=str(tmp_path / "none.pem"))
    with pytest.raises(FileNotFoundError):
        Routes((), {"chat": Model(versions={"v1": entry}, active="v1")})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/chat", ["/v1/chat", "/v1/", "/"]),
        ("/v1/chat/completions", ["/v1/chat", "/v1/", "/"]),
        ("/v1/", ["/v1/", "/"]),
        ("/v1", ["/"]),
        ("/V1/", ["/"]),
        ("/", ["/"]),
        ("", []),
    ],
)
def test_routes_under_a_path(path, expected):
    """All routes whose path is a prefix are candidates, in the order of the configuration."""
    made = routes({"path": "/v1/chat"}, {"path": "/v1/"}, {"path": "/", "model": "other"})
    assert [route.path for route in made.under(path)] == expected


def test_paths_that_strangers_invent_are_not_all_remembered():
    """However many paths are asked for, what is kept of them is bounded, and the answers are right."""
    made = routes({})
    for number in range(REMEMBERED_PATHS + 50):
        assert len(made.under(f"/v1/{number}")) == 1
        assert made.under(f"/v2/{number}") == ()
    assert made.under.cache_info().currsize == REMEMBERED_PATHS


@pytest.mark.parametrize(
    ("names", "name", "accepted"),
    [
        ((), None, True),
        ((), "anything", True),
        (("gpt-4",), "gpt-4", True),
        (("gpt-4",), "gpt-4o", False),
        (("gpt-4",), "GPT-4", False),
        (("gpt-4",), None, False),
        (("gpt-*",), "gpt-4o", True),
        (("gpt-*", "o?"), "o3", True),
        (("gpt-*", "o?"), "o33", False),
        (("*",), "", True),
        (("*",), None, False),
        (("gpt-[34]",), "gpt-3", True),
    ],
)
def test_which_names_a_route_accepts(names, name, accepted):
    """Names are globs for the document's `model`; a route with names is not for documents without."""
    assert routes({"names": names}).under("/v1/")[0].accepts(name) is accepted


def test_a_route_carries_its_configuration():
    """Format, repeating and what to do with bodies that are not understood come from the configuration."""
    (route,) = routes({"format": "anthropic", "repeat": True, "not_understood": "pass", "names": ("a",)}).under("/v1/")
    assert (route.format.name, route.repeat, route.not_understood, route.model.name) == (
        "anthropic",
        True,
        "pass",
        "chat",
    )
    assert routes({"also_accept": ("binary",)}).under("/v1/")[0].also_accept == ("binary",)


@pytest.mark.parametrize(
    ("active", "expected"),
    [("v1", ["v1", "v3"]), ("v3", ["v3", "v1"]), ("v2", ["v2", "v3", "v1"]), ("gone", ["v2", "v3", "v1"])],
)
def test_a_version_that_is_asked_instead(active, expected):
    """It takes the place of the configured one, which nobody falls back to; one that there is not changes nothing."""
    made = Routes((), MODELS, Measures(active=(("chat", active),)))
    assert [version.name for version in made.models["chat"].versions] == expected
    assert [version.name for version in made.models["other"].versions] == ["only"]


def test_a_model_that_is_isolated():
    """It alone is."""
    made = Routes((), MODELS, Measures(isolated=frozenset({"chat", "gone"})))
    assert {name: model.isolated for name, model in made.models.items()} == {"chat": True, "other": False}
