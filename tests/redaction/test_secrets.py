"""Records without the keys of their requests and without what rules find, whatever way those are written."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from time import monotonic
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.redaction.secrets import secrets_of
from tests.support.redacting import EMAIL, KEY, MARK, record, rules, secrets
from tests.support.values import exchange, policy

PLACES: dict[str, dict[str, Any]] = {
    "path": {"request": {"method": "POST", "path": f"/v1/{KEY}?q={KEY}", "body": None}},
    "body": {"request": {"method": "POST", "path": "/", "body": json.dumps({"user": KEY, "n": [1, KEY], KEY: 1})}},
    "no document": {"request": {"method": "POST", "path": "/", "body": f"key={KEY}&x"}},
    "a broken document": {"request": {"method": "POST", "path": "/", "body": f'{{"user":"{KEY}", "\\n{KEY}'}},
    "prompt": {"prompt": ["hello", f"my key is {KEY}\n{KEY}."]},
    "a document in a prompt": {"prompt": [json.dumps({"key": json.dumps({"key": KEY})})]},
    "answer": {"response": {"status": 401, "body": json.dumps({"error": f"bad key {KEY}"}, indent=1)}},
    "events": {"response": {"status": 200, "body": f'data: {{"a":"{KEY}"}}\n\nevent: x\ndata: [DONE]\n'}},
    "output": {"output": [f"it is {KEY}"]},
    "channels": {"output": [["c", f"it is {KEY}"], [f"/{KEY}", "x"]]},
    "error": {"attempts": [{"version": "v1", "status": None, "error": f"bad answer: {KEY}", "ms": 1.0}]},
    "close": {"session": {"closed_by": "model", "code": 1000, "reason": KEY, "messages": {}}},
    "message": {"kind": "frame", "text": f'{{"type":"x","text":"{KEY}"}}'},
}


def rewritten(one, parts):
    """The record with these parts as it would be written."""
    return orjson.loads(one.line(record(**parts)))


def test_a_record_without_secrets_is_written_as_it_is():
    """To the byte, spaces in bodies included."""
    one = record(
        request={"method": "POST", "path": "/?a=%20", "body": '{ "a" : 1.0 }'}, prompt=["sk-test"], output=["{"]
    )
    for nothing in (secrets(), secrets(KEY), secrets(KEY, rules=rules(("email", EMAIL), ("user", "/user")))):
        assert nothing.line(one) == orjson.dumps(one)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["shown", "configured", "one of many"])
def test_a_key_is_nowhere_in_a_record(place, kind):
    """Whoever's it is and wherever it stands, there is its mark; how many are counted; the record is JSON."""
    many = tuple(f"other-key-{number}" for number in range(20))
    one = {
        "shown": secrets(KEY),
        "configured": secrets("another-key", configured=(KEY,)),
        "one of many": secrets(configured=(*many, KEY), many=True),
    }[kind]
    line = one.line(record(**PLACES[place]))
    assert KEY.encode() not in line
    assert MARK.encode() in line
    assert orjson.loads(line)["redacted"]["key"] == line.count(MARK.encode())


@pytest.mark.parametrize("key", ['quo"te-12345', "back\\slash-12345", "a+b/c=12345678", "été-12345678", "<&'>12345678"])
def test_a_key_is_found_in_escapes(key):
    """As writers of JSON escape it: quotes, slashes, and what HTML minds; once, or in a document inside of a text."""
    escaped = "".join(char if char.isalnum() and char.isascii() else f"\\u{ord(char):04X}" for char in key)
    for body in (
        json.dumps({"metadata": key}), json.dumps({"metadata": json.dumps(key)}), f'{{"metadata":"{escaped}"}}',
        json.dumps({"metadata": key}).replace("/", "\\/"), json.dumps({"metadata": key}, ensure_ascii=False),
    ):  # fmt: skip
        new = rewritten(secrets(key), {"request": {"method": "POST", "path": "/", "body": body}})
        assert MARK in new["request"]["body"]
        assert key not in str(json.loads(new["request"]["body"])["metadata"])


def test_a_key_is_found_in_a_target_that_is_encoded():
    """Which is then written decoded."""
    request = {"method": "GET", "path": "/v1?a=1&q=a%2Bb%2fc12345", "body": None}
    assert rewritten(secrets("a+b/c12345"), {"request": request})["request"]["path"] == f"/v1?a=1&q={MARK}"


@pytest.mark.parametrize("key", ["findings", "attempts", "response", "00000000", "null,null", "POST,/v1"])
def test_a_key_that_is_a_word_of_the_journal_s_spoils_no_record(key):
    """Only what comes from outside is replaced: members, numbers and words of the guard's own stay."""
    one = record(findings=[], at=1000000001.5, timings={"total_us": 100000000}, attempts=[])
    assert orjson.loads(secrets(key).line(one)) == one


def test_what_is_not_text_is_redacted_too():
    """In base64 a key would not be seen by whoever looks for it; documents in UTF-16 are written as text."""
    binary = b"\xff\x00" + KEY.encode() + b"\x80"
    new = rewritten(secrets(KEY), {"request": {"path": "/", "body_base64": b64encode(binary).decode()}})
    assert b64decode(new["request"]["body_base64"]) == b"\xff\x00" + MARK.encode() + b"\x80"
    wide = json.dumps({"a": KEY}).encode("utf-16-le")
    new = rewritten(secrets(KEY), {"request": {"path": "/", "body_base64": b64encode(wide).decode()}})
    assert json.loads(new["request"]["body"]) == {"a": MARK}
    new = rewritten(secrets(KEY), {"kind": "frame", "base64": b64encode(binary).decode()})
    assert MARK.encode() in b64decode(new["base64"])


def test_what_rules_find_is_replaced_everywhere_and_counted():
    """Patterns in every text, also in escapes and numbers; fields with all that stands there, and its repetitions."""
    one = rules(("email", EMAIL), ("card", r"\b[0-9]{16}\b"), ("user", "/user"), ("name", "/messages/*/name"))
    body = {"user": "u-77", "messages": [{"name": "Eve", "content": "I am a.b@c.de"}], "card": 4111111111111111, "n": 4}
    raw = orjson.dumps(body).replace(b"@", b"\\u0040")
    new = rewritten(
        secrets(rules=one),
        {
            "request": {"method": "POST", "path": "/x@y.zz", "body": raw.decode()},
            "prompt": ["I am a.b@c.de", "u-77", "u-777"],
        },
    )
    email, user = one.mark("email", "a.b@c.de"), one.mark("user", "u-77")
    assert json.loads(new["request"]["body"]) == {
        "user": user, "messages": [{"name": one.mark("name", "Eve"), "content": f"I am {email}"}],
        "card": one.mark("card", "4111111111111111"), "n": 4,
    }  # fmt: skip
    assert new["request"]["path"] == "/" + one.mark("email", "x@y.zz")
    assert new["prompt"] == [f"I am {email}", user, "u-777"]
    assert new["redacted"] == {"email": 3, "user": 2, "name": 1, "card": 1}


def test_what_cannot_be_decided_is_left_out_whole():
    """A document that is none may hold a field anywhere; and too many matches are not told apart."""
    fields = secrets(rules=rules(("user", "/user")))
    broken = '{"user":"u-77","user":"u-78"}'
    new = rewritten(fields, {"request": {"method": "POST", "path": "/", "body": broken}})
    assert new["request"]["body"] == f"[withheld:{len(broken)}]"
    new = rewritten(secrets(rules=rules(("letter", "a"))), {"prompt": ["a" * 200_000]})
    assert new["prompt"] == ["[withheld:200000]"]
    assert new["redacted"] == {"withheld": 1}
    hidden = '{"a":"x\\u0040y.zz"'
    new = rewritten(
        secrets(rules=rules(("email", EMAIL))), {"request": {"method": "POST", "path": "/", "body": hidden}}
    )
    assert new["request"]["body"] == f"[withheld:{len(hidden)}]"


def test_large_documents_take_bounded_time():
    """One of many strings is redacted where that can be done without looking at each, or else left out."""
    strings = ["word"] * 60_000
    for one, secret, withheld in (
        (secrets(KEY), KEY, False), (secrets(rules=rules(("email", EMAIL))), "a@b.cc", True),
        (secrets(rules=rules(("user", "/0"))), "\\", True),
    ):  # fmt: skip
        began = monotonic()
        body = json.dumps([*strings, secret])
        new = rewritten(one, {"request": {"method": "POST", "path": "/", "body": body}, "prompt": [*strings, secret]})
        assert monotonic() - began < 1
        assert new["request"]["body"].startswith("[withheld:") is withheld
        assert secret not in new["prompt"] or secret == "\\"
        assert new["prompt"][:60_000] == strings
    began = monotonic()
    new = rewritten(secrets(KEY), {"prompt": [KEY * 200_000]})
    assert new["prompt"] == [f"[withheld:{len(KEY) * 200_000}]"]
    assert monotonic() - began < 1


def test_a_body_is_changed_only_where_the_key_is():
    """Its spelling stays, as far as the key is a word that nobody escapes; a line's end before it is no part of it."""
    body = '{ "a" : "x\\n%s",  "n": 1.50 , "b":"\\u00e9" }'
    new = rewritten(secrets("nabcdefgh"), {"request": {"method": "POST", "path": "/", "body": body % "abcdefgh"}})
    assert new["request"]["body"] == body % "abcdefgh"
    new = rewritten(secrets("abcdefgh"), {"request": {"method": "POST", "path": "/", "body": body % "abcdefgh"}})
    assert json.loads(new["request"]["body"]) == {"a": f"x\n{MARK}", "n": 1.5, "b": "é"}
    body = body.replace("\\u00e9", "e")
    new = rewritten(secrets("abcdefgh"), {"request": {"method": "POST", "path": "/", "body": body % "abcdefgh"}})
    assert new["request"]["body"] == body % MARK
    number = rewritten(secrets("12345678"), {"request": {"method": "POST", "path": "/", "body": '{"a":123456789}'}})
    assert json.loads(number["request"]["body"]) == {"a": f"{MARK}9"}


def test_marks_are_not_redacted_again():
    """Keys and patterns are looked for in the original, and what overlaps is one secret."""
    one = rules(("hex", "[0-9a-f]{8,}"), ("word", "fingerprint"))
    new = rewritten(secrets(KEY, rules=one), {"prompt": [f"{KEY} and 0123456789"]})
    assert new["prompt"] == [f"{MARK} and {one.mark('hex', '0123456789')}"]


def test_output_that_is_redacted_already_is_left_alone():
    """It was when its pieces were put together; its marks are counted with the others."""
    one = secrets(KEY)
    new = orjson.loads(one.line(record(output=[["c", KEY]], prompt=[KEY]), output={"key": 3}))
    assert new["output"] == [["c", KEY]]
    assert new["redacted"] == {"key": 4}
    assert orjson.loads(one.line(record(), output={"key": 3}))["redacted"] == {"key": 3}


KEYS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=8, max_size=12)


@given(KEYS, st.text(max_size=9), st.booleans())
def test_no_string_of_a_document_has_the_key(key, other, ascii):
    """Whatever the key is made of; the document is JSON afterwards, but where the key is in its very structure."""
    document = {"a": [other + key, key, {"b": json.dumps({"c": key + other}, ensure_ascii=ascii)}], "n": 12345678}
    body = json.dumps(document, ensure_ascii=ascii)
    new = rewritten(secrets(key), {"request": {"method": "POST", "path": "/", "body": body}, "prompt": [other + key]})
    assert key not in new["prompt"][0].replace(MARK, "")
    told = json.loads(new["request"]["body"])
    assert key not in str(told["a"][:2]).replace(MARK, "")
    assert key not in json.loads(told["a"][2]["b"])["c"].replace(MARK, "")


def test_secrets_are_found_once_for_a_head():
    """And anew for another policy, or where the target shows a key too."""
    one = exchange(policy(), authorization=f"Bearer {KEY}")
    found = secrets_of(one)
    assert found.keys == [KEY]
    assert one.secrets is secrets_of(one) is found
    one.target = "/v1/x?api_key=in-the-target"
    assert secrets_of(one).keys == [KEY, "in-the-target"]
    one.target = "/v1/x"
    one.policy = one.policy._replace(version=2)
    assert secrets_of(one) is not found
