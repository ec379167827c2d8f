"""An exchange for people."""

from typing import Any

import pytest

from guard.cli.exchange import line, page
from guard.evidence.joining import join
from tests.cli.running import exchange

START, END = exchange("x", 1_700_000_000.25)


def joined(*lines: dict[str, Any]) -> dict[str, Any]:
    """The lines as one object."""
    return join(lines)


REFUSED = {
    **START,
    **END,
    "version": None,
    "attempts": [],
    "output": [],
    "timings": {},
    "end": "refused",
    "reason": "why",
}
REFUSED |= {
    "prompt": [],
    "response": {"status": 403, "body": '{"error": {}}'},
    "client": {"address": "::1"},
    "model": None,
}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([START, END], "2023-11-14 22:13:20.250Z  x  web@192.0.2.1  chat/v1  200  complete  2ms  hello"),
        ([START], "2023-11-14 22:13:20.250Z  x  web@192.0.2.1  chat/-  -  open  -  hello"),
        ([REFUSED], "2023-11-14 22:13:20.250Z  x  ::1  -/-  403  refused (why)  -  {}"),
        ([END], "-  x  -  -/v1  200  complete  2ms  "),
    ],
)
def test_line(lines, expected):
    """A line has when, which, who, where, what became of it, and how the prompt begins; `-` for what is not known."""
    assert line(joined(*lines)).plain == expected


def test_long_prompts_are_cut():
    """A long text is cut on a line and whole on a page."""
    whole = joined({**START, "prompt": ["x" * 500]}, END)
    assert line(whole).plain.endswith("  " + "x" * 59 + "…")
    assert "x" * 500 in page(whole).plain


def test_page():
    """A page has everything that matters, under its name."""
    finding = {"rule": "r-1", "target": "prompt", "mode": "shadow", "action": "block"}
    text = page(joined({**START, "findings": [finding]}, END)).plain
    for words in (
        "client     address 192.0.2.1, key 0123456789abcdef, account acme, name web",
        "route      /v1/ -> chat/v1, policy 1",
        "attempt    v1: 200, 1.5 ms",
        "finding    rule r-1, target prompt, mode shadow, action block",
        "timings    total 2.5 ms",
        "--- prompt 1 of 1\nhello",
        "--- output 1 of 1\nworld",
    ):
        assert words in text


@pytest.mark.parametrize("lines", [[START], [END], [REFUSED]])
def test_any_exchange_has_a_page(lines):
    """Whatever is missing, there is a page; without texts it shows the bodies."""
    text = page(joined(*lines)).plain
    assert text.startswith("id         x\n")
    assert lines != [REFUSED] or '--- no output; the body\n{"error": {}}' in text


def test_page_of_a_websocket():
    """The messages of both sides in order, what was not let through, and how it was closed."""
    frame = {"kind": "frame", "id": "x", "at": 1_700_000_001.0, "passed": True, "findings": []}
    session = {"closed_by": "guard", "code": 1008, "reason": "no", "messages": {"client": 1, "model": 2}}
    lines = [
        START,
        {**frame, "from": "client", "text": "{}", "prompt": ["h\x1bi"]},
        {**frame, "from": "model", "text": "two\nlines \x1b", "output": []},
        {**frame, "from": "model", "base64": "/w==", "output": [], "passed": False},
        {**END, "session": session},
    ]
    text = page(joined(*lines)).plain
    assert "closed by guard with 1008 no; 1 messages of the client, 2 of the model" in text
    told = text[text.index("---") :]
    assert told == (
        "--- 2023-11-14 22:13:21.000Z client\n{}\n\n"
        "--- 2023-11-14 22:13:21.000Z model\ntwo\nlines \\x1b\n\n"
        "--- 2023-11-14 22:13:21.000Z model (held back)\nbase64: /w=="
    )
    assert line(joined(*lines)).plain.endswith("h\\x1bi")
