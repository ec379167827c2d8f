"""Problem documents."""

import msgspec

from guard.admin.problem import Problem, unfit


def test_a_problem_is_a_document():
    """What it is, in words and for programs; what there is nothing to say of is left out."""
    assert msgspec.json.decode(Problem(404, "missing", "no such thing").body()) == {
        "type": "urn:guard:problem:missing", "title": "Not Found", "status": 404, "detail": "no such thing",
    }  # fmt: skip
    told = msgspec.json.decode(Problem(412, "changed", version=7, current={"a": 1}).body())
    assert (told["version"], told["current"]) == (7, {"a": 1})


def test_what_is_unfit_says_where():
    """And what could stand there."""
    told = msgspec.json.decode(unfit("body.amount", "it is no amount", "10/s").body())
    assert told["status"] == 422
    assert told["errors"] == [{"where": "body.amount", "what": "it is no amount", "expected": "10/s"}]
