"""What the configuration has redacted: marks, places in documents, keys."""

from __future__ import annotations

import stat

import pytest

from guard.redaction.rules import at, configured_keys, load_key, tokens_of, written
from tests.support.redacting import rules
from tests.support.values import config


def test_the_same_secret_has_the_same_mark():
    """Whoever reads can tell that two are the same, and not what they are."""
    one = rules(("email", "x"))
    assert one.mark("email", "a@b.cc") == one.mark("email", "a@b.cc") == "[email:8708824e33c046d8]"
    assert one.mark("email", "a@b.cd") != one.mark("email", "a@b.cc")
    assert one.mark("email", "\ud800").startswith("[email:")


@pytest.mark.parametrize(
    ("pointer", "expected"),
    [
        ("/user", ["u"]),
        ("/messages/*/name", ["a", "b"]),
        ("/messages/1/name", ["b"]),
        ("/messages/9/name", []),
        ("/messages/x/name", []),
        ("/*/id", [7]),
        ("/user/name", []),
        ("/a~1b", ["c"]),
        ("/messages", [[{"name": "a"}, {"name": "b"}]]),
    ],
)
def test_places_in_a_document(pointer, expected):
    """A pointer leads to one place, or, with a star, to every one there is."""
    document = {"user": "u", "messages": [{"name": "a"}, {"name": "b"}], "meta": {"id": 7}, "a/b": "c"}
    assert [container[place] for container, place in at(document, tokens_of(pointer))] == expected


def test_what_is_no_text_has_one_form():
    """Whatever the order of its members was."""
    assert written({"b": 1, "a": [None]}) == '{"a":[null],"b":1}'
    assert written("text") == "text"


def test_the_key_is_made_once_and_for_the_owner_only(tmp_path):
    """The marks of today are those of tomorrow."""
    key = load_key(tmp_path / "state")
    assert load_key(tmp_path / "state") == key
    assert len(key) == 32
    path = tmp_path / "state" / "redaction.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_bytes(b"short")
    with pytest.raises(ValueError, match=r"redaction\.key: expected 32 bytes, found 5"):
        load_key(tmp_path / "state")


def test_configured_keys():
    """Clients', models' and blocked ones, each once; short ones are words."""
    models = {"chat": {"versions": {"v2": {"url": "http://h", "key": "model-key-1"}}, "active": "v2"}}
    clients = {"a": {"key": "client-key-1"}, "b": {"key": "short"}, "c": {"key_hash": "0" * 64}}
    blocks = [{"key": "blocked-key"}, {"key": "client-key-1"}, {"ip": "192.0.2.1"}]
    found = configured_keys(config(models=models, clients=clients, blocks=blocks))
    assert found == ["model-key-1", "client-key-1", "blocked-key"]
