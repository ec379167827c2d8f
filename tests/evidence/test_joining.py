"""The lines of an exchange as one object."""

from base64 import b64encode
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.evidence.joining import join

FIELDS = [
    "id",
    "at",
    "client",
    "route",
    "model",
    "version",
    "policy",
    "attempts",
    "request",
    "response",
    "prompt",
    "output",
    "usage",
    "confidence",
    "findings",
    "timings",
    "end",
    "reason",
]


def prompt(**more: Any) -> dict[str, Any]:
    """A prompt line."""
    return {
        "kind": "prompt",
        "id": "x",
        "at": 1.5,
        "client": {"address": "::1", "key": None, "account": None, "name": None},
        "route": "/v1/",
        "model": "chat",
        "policy": 1,
        "request": {"method": "POST", "path": "/v1/c", "body": "{}"},
        "prompt": ["hi"],
        "findings": [],
        **more,
    }


def outcome(**more: Any) -> dict[str, Any]:
    """An outcome line."""
    return {
        "kind": "outcome",
        "id": "x",
        "at": 2.5,
        "version": "v1",
        "attempts": [{"version": "v1"}],
        "response": {"status": 200, "body": "{}"},
        "output": ["ho"],
        "usage": {"prompt": 1},
        "confidence": None,
        "findings": [],
        "timings": {"total_us": 7},
        "end": "complete",
        "reason": None,
        **more,
    }


def part(body: bytes, *output: list[str]) -> dict[str, Any]:
    """A piece of a streamed answer."""
    try:
        return {"kind": "part", "id": "x", "body": body.decode(), "output": list(output)}
    except UnicodeDecodeError:
        return {"kind": "part", "id": "x", "body_base64": b64encode(body).decode(), "output": list(output)}


@pytest.mark.parametrize("lines", [[prompt(), outcome()], [prompt()], [outcome(request={})], [part(b"a")]])
def test_fields_are_always_the_same(lines):
    """Whatever lines there are, the object has exactly these fields in this order."""
    assert list(join(lines)) == FIELDS


def test_findings_are_the_prompts_then_the_outputs():
    """What was found in the prompt comes before what was found in the output."""
    lines = [prompt(findings=[{"rule": "a"}]), outcome(findings=[{"rule": "b"}])]
    assert join(lines)["findings"] == [{"rule": "a"}, {"rule": "b"}]


def test_what_goes_on_has_no_end():
    """An exchange without an outcome has its request and what was streamed, and `end` is None."""
    found = join([prompt(), part(b"data: a\n", ["0", "a"])])
    assert (found["end"], found["version"], found["attempts"]) == (None, None, [])
    assert found["response"] == {"status": None, "body": "data: a\n"}
    assert (found["at"], found["prompt"], found["output"]) == (1.5, ["hi"], ["a"])


def test_what_was_refused_has_one_line():
    """An outcome that carries the request's fields is an exchange by itself, and its findings are told once."""
    line = {**prompt(), **outcome(at=1.0, findings=[{"rule": "a"}], end="refused", reason="client_blocked")}
    found = join([line])
    assert (found["at"], found["request"], found["end"]) == (1.0, prompt()["request"], "refused")
    assert found["findings"] == [{"rule": "a"}]


def test_streamed_channels_are_put_together():
    """Texts are joined by channel, in the order in which channels first spoke; repeats are left out."""
    lines = [
        prompt(),
        part(b"1", ["a", "He"], ["b", "Bon"]),
        part(b"2", ["b", "jour"], ["a", "llo"], ["=a", "Hello"]),
        outcome(response={"status": 200, "body": "3"}, output=[["a", "!"]]),
    ]
    found = join(lines)
    assert found["output"] == ["Hello!", "Bonjour"]
    assert found["response"] == {"status": 200, "body": "123"}


def test_whole_texts_stay_apart():
    """The texts of a whole answer are not joined, also when they are equal."""
    assert join([prompt(), outcome(output=["a", "a"])])["output"] == ["a", "a"]


def test_bytes_that_are_no_text_stay_bytes():
    """A streamed body that is not UTF-8 as a whole comes back in base64; a whole one as it was written."""
    assert join([prompt(), part(b"\xff"), outcome(response={"status": 200, "body": None})])["response"] == {
        "status": 200,
        "body_base64": "/w==",
    }
    assert join([prompt(), outcome(response={"status": 1, "body_base64": "/w=="})])["response"]["body_base64"] == "/w=="


@given(st.text(max_size=30), st.lists(st.integers(0, 100), max_size=4))
def test_split_characters_are_mended(text, cuts):
    """However a streamed body is cut, also inside of characters, it comes back as it was."""
    body = text.encode()
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    lines = [part(body[start:end]) for start, end in pairwise(edges)]
    assert join([prompt(), *lines])["response"]["body"] == text


def message(side: str, **more: Any) -> dict[str, Any]:
    """A message of a WebSocket."""
    return {"kind": "frame", "id": "x", "at": 2.0, "from": side, "passed": True, "findings": [], **more}


SESSION = {"closed_by": "client", "code": 1000, "reason": "", "messages": {"client": 1, "model": 2}}


def test_messages_of_a_websocket_stand_in_their_order():
    """Each with its time, its side, its content and whether it was let through; their texts are prompt and output."""
    lines = [
        prompt(prompt=[]),
        message("client", text="{}", prompt=["hi"], findings=[{"rule": "a"}]),
        message("model", text="[1]", output=[["i", "He"], ["j", "Yo"]]),
        message("model", base64="/w==", output=[["i", "y"]], passed=False, findings=[{"rule": "b"}]),
        outcome(session=SESSION, output=[]),
    ]
    found = join(lines)
    assert list(found) == [*FIELDS, "session", "frames"]
    assert found["frames"] == [
        {"at": 2.0, "from": "client", "passed": True, "text": "{}"},
        {"at": 2.0, "from": "model", "passed": True, "text": "[1]"},
        {"at": 2.0, "from": "model", "passed": False, "base64": "/w=="},
    ]
    assert (found["prompt"], found["output"]) == (["hi"], ["Hey", "Yo"])
    assert found["findings"] == [{"rule": "a"}, {"rule": "b"}]
    assert found["session"] == SESSION


def test_an_open_websocket_has_no_session_yet():
    """What was said so far is there; one that was closed without a word has an empty list."""
    found = join([prompt(), message("client", text="{}", prompt=[])])
    assert (found["session"], found["end"], len(found["frames"])) == (None, None, 1)
    assert join([prompt(), outcome(session=SESSION)])["frames"] == []


def test_what_was_shed_is_told():
    """An answer that was not written down says so; others have no such member."""
    assert join([prompt(), outcome(shed=True)])["shed"] is True
    assert "shed" not in join([prompt(), outcome()])
