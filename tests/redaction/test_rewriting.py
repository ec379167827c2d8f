"""Records without their secrets; `test_secrets.py` shows it for every place in a record."""

import orjson
import pytest

from guard.redaction.rewriting import Rewriting
from tests.support.redacting import EMAIL, KEY, record, rules, secrets


def rewritten(body: str, one) -> dict[str, object]:
    """What becomes of a body, and the counts."""
    whole = record(request={"method": "POST", "path": "/v1/x", "body": body})
    rewriting = Rewriting(one, orjson.dumps(whole), None)
    return {"body": rewriting.record(whole)["request"]["body"], **rewriting.counts}


def test_a_document_stays_one():
    """A key is replaced inside of its string, to the byte; a pattern and a field in the document written anew."""
    shown = rewritten(f'{{ "a" : "is {KEY}." }}', secrets(KEY))
    assert shown["key"] == 1
    assert str(shown["body"]).startswith('{ "a" : "is [key:')
    found = rewritten(
        '{ "user" : 7, "b" : "me@example.com" }', secrets(rules=rules(("email", EMAIL), ("user", "/user")))
    )
    document = orjson.loads(str(found["body"]))
    assert document["user"].startswith("[user:")
    assert document["b"].startswith("[email:")
    assert (found["email"], found["user"]) == (1, 1)


@pytest.mark.parametrize("text", ['{"a":"\\u0041', '{"a":' * 2_000])
def test_what_cannot_be_decided_is_left_out(text):
    """What was meant to be a document, where fields are to be redacted, is withheld with its length."""
    found = rewritten(text, secrets(rules=rules(("user", "/user"))))
    assert found == {"body": f"[withheld:{len(text)}]", "withheld": 1}
