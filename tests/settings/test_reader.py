"""Values against the structs."""

from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from guard.config import Config
from guard.settings.document import parse
from guard.settings.problem import Report
from guard.settings.reader import Reader, is_secret

RIGHT = {
    "models": {"chat": {"versions": {"v1": {"url": "http://h"}}, "active": "v1"}},
    "routes": [{"path": "/", "format": "openai", "model": "chat"}],
}

ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, -1, 5, 2.5, "", "x", "10/s", "a b", [], ["x"], {}, {"x": 1}, [{}], "openai", "allow"]
)
PLACES = [
    tuple(place.split("."))
    for place in [
        "data.workers",
        "data.http.body_bytes",
        "data.drain_timeout",
        "data.listen",
        "data",
        "rules.dir",
        "rules.hold_back",
        "identify.unknown",
        "identify.trusted_proxies",
        "clients.acme",
        "clients.b+c",
        "clients",
        "blocks",
        "limits",
        "models",
        "routes",
        "state",
        "nonsense",
        "upstream",
    ]
]


def read(value: Any, environ: dict[str, str] | None = None) -> tuple[Config, list[str]]:
    """The configuration read from a document, and what is wrong with it."""
    report = Report("f")
    config = Reader(report, environ or {}).read_config(parse(yaml.safe_dump(value), report))
    return config, [str(problem) for problem in report.problems]


def put(place: tuple[str, ...], value: Any) -> dict[str, Any]:
    """A right document with one value put into it."""
    document: dict[str, Any] = {**RIGHT}
    inner = document
    for key in place[:-1]:
        inner[key] = {**inner.get(key, {})}
        inner = inner[key]
    inner[place[-1]] = value
    return document


@given(st.sampled_from(PLACES), ODD)
def test_accepts_what_msgspec_accepts(place, value):
    """A document has problems exactly when msgspec refuses it; otherwise both make the same configuration of it."""
    document = put(place, value)
    config, problems = read(document)
    try:
        expected = msgspec.convert(document, Config)
    except msgspec.ValidationError:
        assert problems
    else:
        assert problems == []
        assert config == expected


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        (("data", "workers"), 0, "data.workers: got 0; expected a whole number of at least 1"),
        (("data", "workers"), True, "data.workers: got true; expected a whole number of at least 1"),
        (("data", "workers"), "2", 'data.workers: got "2"; expected a whole number of at least 1'),
        (("data", "drain_timeout"), 0, "data.drain_timeout: got 0; expected a number above 0"),
        (("data", "lissen"), 0, "data.lissen: there is no key lissen here; expected listen?"),
        (("admin", "zzz"), 0, "admin.zzz: there is no key zzz here; expected one of listen"),
        (("rules", "hold_back"), 5000, "of at least 16 and of at most 4096"),
        (("rules", "engine"), "fast", "expected one of auto, hyperscan, portable"),
        (("state",), 7, "state: got 7; expected text (in quotes)"),
        (("upstream",), None, "upstream: got nothing; expected a mapping with connect_timeout, "),
        (("models",), {}, "models: it is empty; expected at least 1"),
        (("models",), [], "models: got a list; expected a mapping of names"),
        (("clients",), {"a b": {}}, 'clients.a b: "a b" cannot be a name here; expected a name'),
        (("limits",), [{"per": "client", "requests": "10/day"}], "limits[0].requests: got"),
        (("limits",), [{}], "limits[0].per: it is missing; expected one of"),
        (("state",), "${HOME}", "state: `${` may not stand here"),
        (("clients",), {"a": {"account": "${A}"}}, "clients.a.account: `${` may not stand here"),
        (("clients",), {"a": {"key": "x${A}"}}, "clients.a.key: `${` is only part of it"),
        (("clients",), {"a": {"key": "${A"}}, "clients.a.key: `${` is only part of it"),
        (("clients",), {"a": {"key": "${B}"}}, "clients.a.key: the environment variable B is not set"),
        (("clients",), {"a": {"key": "${EMPTY}"}}, "what the environment variable EMPTY holds cannot be a key"),
        (("clients",), {"a": {"key": "${LINE}"}}, "what the environment variable LINE holds cannot be a key"),
        (("clients",), {"a": {"key": ""}}, "clients.a.key: it cannot be a key"),
    ],
)
def test_wrong_value_is_told(place, value, told):
    """A wrong value is one problem that says where it is, what is wrong and what was expected."""
    _, problems = read(put(place, value), {"EMPTY": "", "LINE": "a\n"})
    assert len(problems) == 1
    assert told in problems[0]


@pytest.mark.parametrize(
    ("path", "secret"),
    [
        (("clients", "a", "key"), True),
        (("blocks", 3, "key"), True),
        (("models", "m", "versions", "v", "key"), True),
        (("journal", "witnesses", 0, "url"), True),
        (("journal", "witnesses", 0, "key"), True),
        (("journal", "ship", "redis", "url"), True),
        (("journal", "ship", "redis", "stream"), False),
        (("store", "url"), True),
        (("store", "password"), True),
        (("store", "name"), False),
        (("clients", "a", "key_hash"), False),
        (("clients", "a", "account"), False),
        (("models", "key"), False),
        (("state",), False),
    ],
)
def test_secrets_stand_in_few_places(path, secret):
    """Only the keys of clients, blocks and versions, and what leads to witnesses and sinks, are secrets."""
    assert is_secret(path) is secret
