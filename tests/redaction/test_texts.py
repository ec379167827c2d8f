"""The texts of a record, and those within them."""

import json
from typing import Any

import pytest

from guard.redaction.rules import Field
from guard.redaction.texts import bodies_of, has_fields, leaves, looks_like_json, strings, texts_of, unescaped
from tests.support.redacting import record


def test_every_text_from_outside_is_looked_at():
    """And none that is the guard's own."""
    one = record(
        request={"method": "POST", "path": "path", "body": "asked"}, response={"status": 200, "body": "answered"},
        prompt=["prompt"], output=[["channel", "output"]], session={"reason": "closing", "code": 1000}, text="message",
        attempts=[{"version": "v", "error": None}, {"version": "v", "error": "error"}], reason="not_found",
    )  # fmt: skip
    expected = ["answered", "asked", "channel", "closing", "error", "message", "output", "path", "prompt"]
    assert sorted(texts_of(one)) == expected
    assert sorted(bodies_of(one)) == ["answered", "asked", "message"]
    assert texts_of({"kind": "part", "body": None, "output": []}) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [('{"a":1}', True), (" \n[", True), ('data: {"a":1}', True), ("event: x", True), ("hello {", False), ("", False)],
)
def test_what_looks_like_json(text, expected):
    """Documents, what is meant to be one, and events."""
    assert looks_like_json(text) is expected


def test_leaves_of_a_document():
    """Strings, keys that no API knows, numbers, and the strings of documents within strings."""
    document: dict[str, Any] = {"model": "m", "x": [1, 2], "y": [7, "z", None], "d": json.dumps({"w": 'q"'})}
    assert sorted(leaves(json.dumps(document))) == sorted(
        ["m", "x", "y", "d", "[1,2]", "7", "z", document["d"], 'q"', "w"]
    )
    assert leaves('{"a":1,"a":2}') == ['{"a":1,"a":2}'] * 2
    assert leaves("{\\u0041") == ["{\\u0041", "{A"]


def test_escapes_are_read_however_often_they_were_put_into_strings():
    """As what a reader of the texts would take them for."""
    assert unescaped("a\\u0040b \\\\u0040 \\n \\\\\\/ \\q") == "a@b @ \n / q"


@pytest.mark.parametrize(
    ("text", "expected"),
    [('{"user":"x"}', True), ('{"a":1}', False), ('{"user":', True), ("user", False), ("[]", False)],
)
def test_whether_a_field_may_be_there(text, expected):
    """It is, or nobody can tell."""
    assert has_fields(text, [Field("user", ("user",))]) is expected


def test_strings_of_a_value():
    """All of them."""
    assert sorted(strings({"a": ["x", {"b": "y"}], "c": 1})) == ["x", "y"]
