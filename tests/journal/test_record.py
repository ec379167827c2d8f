import base64
from time import monotonic
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.evidence.joining import join
from guard.exchange import Attempt
from guard.formats.base import Prompt
from guard.journal.record import frame_line, outcome_line, part_line, prompt_line
from guard.redaction.seams import Taken
from guard.refusal import Refusal
from guard.wire.websocket import Message
from tests.support.values import exchange, policy

POLICY = policy(clients={"app": {"key": "app-key", "account": "acme"}})
BODY = b'{"model":"m-1","messages":[{"role":"user","content":"Hello"}]}'


def made(**changes):
    """An exchange that was answered, but for `changes`."""
    one = exchange(POLICY, "/v1/chat/completions?x=y", BODY)
    one.identity = POLICY.clients.identify("app-key")
    one.route = one.routes[0]
    one.version = one.route.model.versions[0]
    one.prompt = Prompt(["Hello"], ["m-1"], "m-1", False)
    attempt = Attempt(one.version, 0.0)
    attempt.status, attempt.ms = 200, 12.3456
    one.attempts = [attempt]
    one.received_at = monotonic() - 0.5
    one.first_byte_at = one.received_at + 0.25
    one.waited, one.overhead = 0.2, 0.05
    one.output = ["Hi."]
    one.usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    one.confidence = {"kind": "logprobs", "tokens": 2, "mean": -0.5, "min": -1.0}
    one.status, one.answer, one.end = 200, b'{"choices":[]}', "complete"
    one.note("r-1", "prompt", "shadow", "block")
    one.note("r-2", "output", "enforce", "flag")
    for name, value in changes.items():
        setattr(one, name, value)
    return one


def read(line: bytes) -> Any:
    """One line of the journal."""
    assert b"\n" not in line
    return orjson.loads(line)


def test_the_prompts_line():
    """Before it is forwarded an exchange is written down with who, when, where, what was asked, and what was found."""
    one = made()
    assert read(prompt_line(one)) == {
        "kind": "prompt",
        "id": "1-test-1",
        "at": 1_700_000_000.5,
        "client": {
            "address": "192.0.2.1",
            "key": one.identity.key_id,
            "certificate": None,
            "account": "acme",
            "name": "app",
            "session": None,
        },
        "route": "/v1/",
        "model": "chat",
        "policy": 1,
        "request": {"method": "POST", "path": "/v1/chat/completions?x=y", "body": BODY.decode()},
        "prompt": ["Hello"],
        "findings": one.findings,
    }


def test_a_decoded_body_says_what_it_came_in():
    """What was inspected and forwarded is the body; the coding around it is told."""
    assert read(prompt_line(made(coding="br")))["request"]["decoded_from"] == "br"


def test_the_outcomes_line():
    """At its end an exchange is written down with what was tried, answered, used and found, and how long it took."""
    outcome = read(outcome_line(made(), forwarded=True))
    timings = outcome.pop("timings")
    assert outcome == {
        "kind": "outcome",
        "id": "1-test-1",
        "version": "v2",
        "attempts": [{"version": "v2", "status": 200, "error": None, "ms": 12.345}],
        "response": {"status": 200, "body": '{"choices":[]}'},
        "output": ["Hi."],
        "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
        "confidence": {"kind": "logprobs", "tokens": 2, "mean": -0.5, "min": -1.0},
        "findings": [{"rule": "r-2", "target": "output", "mode": "enforce", "action": "flag"}],
        "end": "complete",
        "reason": None,
    }
    assert timings["upstream_us"] == 200_000
    assert timings["overhead_us"] == 50_000
    assert timings["first_byte_us"] == pytest.approx(250_000, abs=1)
    assert 500_000 <= timings["total_us"] < 5_000_000


def test_an_exchange_that_was_not_forwarded_is_one_line():
    """A refused exchange's outcome says what a prompt's line would have said, and why it was refused."""
    refusal = Refusal(403, "client_blocked", "this client is blocked")
    one = made(refusal=refusal, end="refused", status=403, version=None, attempts=[], output=[], usage=None)
    line = read(outcome_line(one, forwarded=False))
    assert {**read(prompt_line(one)), **line} == line
    assert (line["kind"], line["end"], line["reason"], line["version"]) == (
        "outcome",
        "refused",
        "client_blocked",
        None,
    )
    assert [finding["rule"] for finding in line["findings"]] == ["r-1", "r-2"]


def test_the_least_exchange():
    """A request that could not even be read has a record."""
    one = exchange(POLICY, "*")
    one.identity = POLICY.clients.identify("x")._replace(key_id=None)
    one.method, one.end, one.refusal, one.received_at = "", "refused", Refusal(400, "bad_request", "no"), monotonic()
    line = read(outcome_line(one, forwarded=False))
    nobody = {"key": None, "certificate": None, "account": None, "name": None, "session": None}
    assert line["client"] == {"address": "192.0.2.1", **nobody}
    assert (line["route"], line["model"], line["prompt"], line["attempts"]) == (None, None, [], [])
    assert line["request"] == {"method": "", "path": "*", "body": None}
    assert line["response"] == {"status": None, "body": None}


def test_the_route_is_told_before_one_is_chosen():
    """An exchange refused before its route was chosen has the first that its path could mean."""
    line = read(outcome_line(made(route=None), forwarded=False))
    assert (line["route"], line["model"]) == ("/v1/", "chat")


def test_a_client_that_left_early_has_no_times():
    """An exchange that ends before its request was whole took no time that could be told."""
    timings = read(outcome_line(made(received_at=0.0, first_byte_at=0.0, waited=0.0, overhead=0.0), forwarded=False))[
        "timings"
    ]
    assert all(0 <= value < 1_000_000 for value in timings.values())


def test_an_answer_that_never_began():
    """Without a first byte the time to it is all the time there was."""
    timings = read(outcome_line(made(first_byte_at=0.0), forwarded=True))["timings"]
    assert timings["first_byte_us"] == timings["total_us"]


def test_failed_attempts():
    """Each try says which version, what went wrong, and how long it took."""
    one = made()
    failed = Attempt(one.version, 0.0)
    failed.error, failed.ms = "connect timeout after 5 s", 5_000.0
    one.attempts.insert(0, failed)
    assert read(outcome_line(one, forwarded=True))["attempts"][0] == {
        "version": "v2", "status": None, "error": "connect timeout after 5 s", "ms": 5_000.0
    }  # fmt: skip


NASTY = [
    "a\r\nb",
    "a\x00b",
    "\x1b[2Ja",
    "\u2028\u2029\x85",
    "\ufeff",
    "😀",
    "\x7f",
    '"\\',
    "\ud83d".encode("utf-8", "replace").decode(),
    "",
]


@pytest.mark.parametrize("text", NASTY)
def test_nasty_texts_are_one_line_each(text):
    """Line ends, zeros, escape sequences: whatever stands in a text, a record is one line and the text comes back."""
    one = made(body=text.encode(), answer=text.encode(), output=[text], prompt=Prompt([text], [], None, False))
    joined = join([read(prompt_line(one)), read(outcome_line(one, forwarded=True))])
    assert joined["request"]["body"] == (text or None)
    assert joined["response"] == {"status": 200, "body": text or None}
    assert (joined["prompt"], joined["output"]) == ([text], [text])


# A target in which nothing can be a key or a user, which the record would not show.
TARGETS = st.text(st.characters(codec="latin-1", exclude_characters="=@"), max_size=10)


@given(st.binary(max_size=40), st.binary(max_size=40), TARGETS)
def test_any_bytes_come_back(body, answer, target):
    """Bodies that are no text are kept as they are, too."""
    one = made(body=body, answer=answer, target="/v1/" + target)
    joined = join([read(prompt_line(one)), read(outcome_line(one, forwarded=True))])
    assert bytes_of(joined["request"]) == body
    assert bytes_of(joined["response"]) == answer
    assert joined["request"]["path"] == "/v1/" + target


def bytes_of(piece: dict[str, Any]) -> bytes:
    """The bytes that a piece of a record stands for."""
    return base64.b64decode(piece["body_base64"]) if "body_base64" in piece else (piece["body"] or "").encode()


TEXTS = st.lists(st.tuples(st.sampled_from("ab="), st.text(st.characters(codec="utf-8"), max_size=5)), max_size=3)


@given(st.lists(st.tuples(st.binary(max_size=12), TEXTS), max_size=5))
def test_parts_make_a_whole(parts):
    """What was written in parts while it streamed is one answer again, its text put together by channel."""
    one = made(answer=b"", output=[])
    lines = [read(prompt_line(one)), *(read(part_line(one, body, Taken(output, False, {}))) for body, output in parts)]
    joined = join([*lines, read(outcome_line(one, forwarded=True))])
    assert bytes_of(joined["response"]) == b"".join(body for body, _ in parts)
    said: dict[str, str] = {}
    for _, output in parts:
        for channel, text in output:
            if not channel.startswith("="):
                said[channel] = said.get(channel, "") + text
    assert joined["output"] == list(said.values())


def test_the_key_is_nowhere():
    """No line holds the key that a request carried."""
    one = made()
    one.head.headers.append((b"authorization", b"Bearer app-key"))
    for line in (prompt_line(one), outcome_line(one, forwarded=True), outcome_line(one, forwarded=False)):
        assert b"app-key" not in line


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/v1/x", "/v1/x"),
        ("/v1/x?a=b&c", "/v1/x?a=b&c"),
        ("/v1/x?api_key=SECRET", "/v1/x?api_key=***"),
        ("/v1/x?a=b&apiKey=SECRET&c=d", "/v1/x?a=b&apiKey=***&c=d"),
        ("/v1/x?a=b;api-key=SECRET;c=d", "/v1/x?a=b;api-key=***;c=d"),
        ("/v1/x?api%5Fkey=SECRET", "/v1/x?api%5Fkey=***"),
        ("/v1/x?%6bey=SECRET", "/v1/x?%6bey=***"),
        ("/v1/x?key[]=SECRET", "/v1/x?key[]=***"),
        ("/v1/x?subscription-key=SECRET", "/v1/x?subscription-key=***"),
        ("/v1/x?access_token=SECRET&Signature=SECRET", "/v1/x?access_token=***&Signature=***"),
        ("/v1/x?X-Amz-Credential=SECRET", "/v1/x?X-Amz-Credential=***"),
        ("/v1/x?password=SECRET=SECRET", "/v1/x?password=***"),
        ("/v1/x;token=SECRET?SECRET", "/v1/x;token=***"),
        ("/v1/x#auth=SECRET", "/v1/x#auth=***"),
        ("/v1/x?keyword=seen&author=seen", "/v1/x?keyword=seen&author=seen"),
        ("http://me:SECRET@host/v1/x?a=b", "http://***@host/v1/x?a=b"),
        ("//SECRET@host/v1", "//***@host/v1"),
        ("me:SECRET@host:443", "***@host:443"),
        ("/v1/users/a@b", "/v1/users/a@b"),
        ("/v1/x?next=https://host/a@b", "/v1/x?next=https://host/a@b"),
    ],
)
def test_a_target_is_shown_without_secrets(target, shown):
    """The values of parameters named like keys, however the name is written, and users of URLs are left out."""
    assert read(outcome_line(exchange(POLICY, target), forwarded=False))["request"]["path"] == shown


def test_the_line_of_a_message():
    """A WebSocket's message stands as it came: text as text, anything else as base64, with what was found in it."""
    finding = {"rule": "r", "target": "prompt", "mode": "shadow", "action": "block"}
    line = frame_line(
        made(), "client", Message("é\n".encode(), True), at=1.5, passed=True, texts=["hi"], findings=[finding]
    )
    assert read(line) == {
        "kind": "frame", "id": "1-test-1", "at": 1.5, "from": "client", "passed": True,
        "text": "é\n", "prompt": ["hi"], "findings": [finding],
    }  # fmt: skip
    said = Taken([("c", "hi")], unfit=False, counts={})
    line = frame_line(made(), "model", Message(b"hi", False), at=1.5, passed=False, texts=said, findings=[])
    assert read(line) == {
        "kind": "frame", "id": "1-test-1", "at": 1.5, "from": "model", "passed": False,
        "base64": "aGk=", "output": [["c", "hi"]], "findings": [],
    }  # fmt: skip


def test_the_outcome_of_a_websocket_says_how_it_was_closed():
    """And only of one."""
    session = {"closed_by": "model", "code": 1000, "reason": "", "messages": {"client": 0, "model": 0}}
    assert read(outcome_line(made(session=session), forwarded=True))["session"] == session
    assert "session" not in read(outcome_line(made(), forwarded=True))
