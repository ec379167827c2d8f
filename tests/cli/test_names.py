"""Names of callers and models."""

from pathlib import Path

import pytest

from guard.cli.errors import TroubleError
from guard.cli.names import canonical, check_name, model_of
from guard.settings import load
from tests.cli.running import configure


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("ip", "203.0.113.9", "203.0.113.9"),
        ("ip", "203.0.113.9/24", "203.0.113.0/24"),
        ("ip", "203.0.113.9/32", "203.0.113.9"),
        ("ip", "2001:DB8::/32", "2001:db8::/32"),
        ("account", "acme", "acme"),
        ("key", "786273ECED44117E", "786273eced44117e"),
        ("agent", "Curl/*", "curl/*"),
        ("session", "S-1", "S-1"),
    ],
)
def test_a_caller_has_one_spelling(kind, value, expected):
    """However it is typed, so that it can be taken back."""
    assert canonical(kind, value) == expected


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        ("ip", "203.0.113", "is no address or network"),
        ("ip", "", "is no address or network"),
        ("key", "sk-the-key-itself", "by its fingerprint"),
        ("client", "nobody", "there is no client 'nobody'"),
        ("account", "nobody", "there is no account 'nobody'"),
        ("session", "s-1", "no header names sessions here"),
        ("session", "", "names no session"),
        ("agent", "*?*", "is no pattern for user agents"),
    ],
)
def test_what_is_no_name_is_told(tmp_path, kind, value, told):
    """And a key is not repeated."""
    with pytest.raises(TroubleError) as error:
        check_name(kind, value, Path(configure(tmp_path)))
    assert told in error.value.message
    assert "the-key-itself" not in error.value.message


def test_a_model_is_one_of_the_configuration(tmp_path):
    """Others are told with those that there are."""
    settings = load(Path(configure(tmp_path)))
    assert model_of(settings, "chat").active == "v1"
    with pytest.raises(TroubleError, match="there is no model 'other'; there are chat"):
        model_of(settings, "other")
