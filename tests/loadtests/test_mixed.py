"""Requests that must not be mixed up: a small run on a real guard, and that a mix-up would be seen."""

import json

import pytest
from click.testing import CliRunner

from loadtests.asker import Asker, Mismatch
from loadtests.mixed import _foreign, main
from loadtests.scripted import ScriptedModel, Seen
from tests.support.raw import Answer


def test_every_answer_is_its_own_request_s():
    """Some hundred requests in every way, from clients that come and go, to a model that answers in every way."""
    result = CliRunner().invoke(main, ["--requests", "400", "--connections", "16", "--json"])
    report = json.loads(result.output)
    assert report["mismatches"] == []
    assert result.exit_code == 0
    assert report["requests"] >= 400
    assert len(report["ways"]) == 16


def asker(**tags):
    """A client that has asked; `tags` are what it knows of them."""
    one = Asker(1, "c1", 1)
    one.forwarded, one.maybe = tags.get("forwarded", set()), tags.get("maybe", set())
    return one


@pytest.mark.parametrize(
    ("seen", "fault", "says"),
    [
        ([Seen("c1-1", "c1-1", "c1-1")], None, None),
        ([Seen("c1-1", "c1-1", None), Seen("c1-9", "c1-9", "c1-9")], None, None),
        ([], None, "saw it 0 times"),
        ([Seen("c1-1", "c1-1", "c1-1")] * 2, None, "saw it 2 times"),
        ([Seen("c1-1", "c1-1", "c1-2")], None, "the parts of two"),
        ([Seen("c1-1", "c1-2", "c1-1")], None, "the parts of two"),
        ([Seen("c1-1", "c1-1", "c1-1"), Seen("c1-7", "c1-7", "c1-7")], None, "should not have reached it"),
        ([Seen("c1-1", "c1-1", "c1-1")], "illegal request line", "what is no request: illegal request line"),
    ],
)
def test_what_a_model_should_not_see_is_told(seen, fault, says):
    """A request that was lost, doubled, merged with another or refused, and bytes that are none, are mismatches."""
    model = ScriptedModel(1)
    model.seen, model.faults = seen, [fault] if fault else []
    found = _foreign(model, [asker(forwarded={"c1-1"}, maybe={"c1-9"})])
    assert len(found) == bool(says)
    assert (says or "") in "".join(found)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, {b"x-tag": b"c1-2"}, b"<c1-1>"),
        Answer(200, {b"x-tag": b"c1-1"}, b"<c1-2>"),
        Answer(200, {b"x-tag": b"c1-1"}, b"<c1-1><c2-1>"),
        Answer(502, {b"x-tag": b"c1-1"}, b"<c1-1>"),
        Answer(200, {}, b"<c1-1>"),
    ],
)
def test_another_s_answer_is_told(answer):
    """An answer with another tag, or none, in its head or its body, is a mismatch."""
    with pytest.raises(Mismatch):
        asker()._check("c1-1", answer)
