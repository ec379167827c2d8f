"""Names of callers and models in orders."""

import pytest

from guard.config import Client, Config, Model, Route, Version
from guard.control.errors import OrderError
from guard.control.names import canonical, check_caller, check_version, model_of

CONFIG = Config(
    models={"chat": Model(versions={"v1": Version(url="http://127.0.0.1:9")}, active="v1")},
    routes=(Route(path="/v1/", format="openai", model="chat"),),
    clients={"web": Client(key="k", account="acme")},
)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("ip", "203.0.113.9", "203.0.113.9"),
        ("ip", "203.0.113.9/24", "203.0.113.0/24"),
        ("ip", "203.0.113.9/32", "203.0.113.9"),
        ("ip", "2001:DB8::/32", "2001:db8::/32"),
        ("ip", "::ffff:203.0.113.9", "203.0.113.9"),
        ("ip", "::ffff:203.0.113.0/120", "203.0.113.0/24"),
        ("account", "acme", "acme"),
        ("key", "786273ECED44117E", "786273eced44117e"),
        ("agent", "Curl/*", "curl/*"),
        ("session", "S-1", "S-1"),
    ],
)
def test_a_caller_has_one_spelling(kind, value, expected):
    """However it is typed, so that it can be taken back, and fits requests as the guard reads them."""
    assert canonical(kind, value) == expected


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        ("ip", "203.0.113", "is no address or network"),
        ("ip", "", "is no address or network"),
        ("ip", "fe80::1%eth0", "is no address or network"),
        ("ip", "fe80::1%eth0/64", "is no address or network"),
        ("key", "sk-the-key-itself", "by its fingerprint"),
        ("session", "", "names no session"),
        ("agent", "*?*", "is no pattern for user agents"),
    ],
)
def test_what_is_no_name_is_told(kind, value, told):
    """And a key is not repeated."""
    with pytest.raises(OrderError) as error:
        canonical(kind, value)
    assert told in str(error.value)
    assert "the-key-itself" not in str(error.value)
    assert not error.value.missing


def test_callers_and_models_are_those_of_the_configuration():
    """Others are missing, which is told with those that there are."""
    check_caller("client", "web", CONFIG)
    check_caller("account", "acme", CONFIG)
    check_version(CONFIG, "chat", None)
    assert model_of(CONFIG, "chat").active == "v1"
    for wrong, told in (
        (lambda: check_caller("client", "nobody", CONFIG), "there is no client 'nobody'"),
        (lambda: check_caller("account", "nobody", CONFIG), "there is no account 'nobody'"),
        (lambda: check_caller("session", "s-1", CONFIG), "no header names sessions here"),
        (lambda: model_of(CONFIG, "other"), "there is no model 'other'; there are chat"),
        (lambda: check_version(CONFIG, "chat", "v2"), "chat has no version 'v2'; it has v1"),
    ):
        with pytest.raises(OrderError, match=told) as error:
            wrong()
        assert error.value.missing
