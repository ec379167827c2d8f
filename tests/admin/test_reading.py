"""What calls carry, read strictly."""

import msgspec
import pytest

from guard.admin.problem import Problem
from guard.admin.reading import check_accepted, check_media_type, read_body, read_query
from guard.admin.shapes import BlockGiven, ChangesQuery, JournalQuery, OperatorGiven, OrderGiven, PageQuery, RouteGiven

ORDER = b'{"reason":"r","changes":[{"type":"online"}],"each":[{"secret":1}]}'


def refused(do, *arguments):
    """The problem that it is."""
    with pytest.raises(Problem) as error:
        do(*arguments)
    return error.value.status, msgspec.json.decode(error.value.body())


def test_a_query_is_read_into_its_struct():
    """Numbers are numbers; what may stand several times is all of it."""
    assert read_query(b"limit=7", PageQuery) == PageQuery(limit=7)
    assert read_query(b"", PageQuery) == PageQuery()
    found = read_query(b"client=a&client=b%20c&since=1.5", JournalQuery)
    assert (found.client, found.since) == (("a", "b c"), 1.5)


@pytest.mark.parametrize(
    "text", [b"limit=1&limit=2", b"secret=1", b"limit", b"&", b"limit=%ff", b"limit=\xff", b"limit=-1", b"limit=1e9"]
)
def test_a_query_that_could_mean_two_things_is_refused(text):
    """And what was given is not repeated."""
    status, told = refused(read_query, text, PageQuery)
    assert status == 400
    assert "secret" not in str(told)


@pytest.mark.parametrize(
    ("content", "status", "where"),
    [
        (b"", 400, "body"),
        (b"{}{}", 400, "body"),
        (b'{"kind":"ip","kind":"ip"}', 400, "body"),
        (b'{"kind":NaN}', 400, "body"),
        (b"[" * 100 + b"]" * 100, 400, "body"),
        (b"[]", 422, "body"),
        (b'{"kind":"secret","value":"x","reason":"r"}', 422, "body.kind"),
        (b'{"kind":"ip","value":7,"reason":"r"}', 422, "body.value"),
        (b'{"kind":"ip","value":"x","reason":"r","secret":1}', 422, "body"),
        (b'{"kind":"ip","value":"x","reason":" "}', 422, "body.reason"),
    ],
)
def test_a_body_that_is_none_is_refused(content, status, where):
    """It is told where, what it is, and what was expected, but not what was given."""
    found, told = refused(read_body, content, BlockGiven)
    assert (found, told["errors"][0]["where"]) == (status, where)
    assert "secret" not in str(told)


@pytest.mark.parametrize(
    ("content", "kind", "expected"),
    [
        (b'{"kind":"secret","value":"x","reason":"r"}', BlockGiven, "one of account, agent, client, ip, key, session"),
        (b'{"reason":"r","name":"a","role":"secret"}', OperatorGiven, "one of analyst, commander, operator, viewer"),
        (b'{"reason":"r","secret":1}', RouteGiven, "one of reason, incident, expires, actor, action, model, version"),
        (
            b'{"reason":"r","changes":[{"type":"online"}],"each":[{"secret":1}]}',
            OrderGiven,
            "one of reason, incident, expires",
        ),
        (b'{"kind":"ip","value":7,"reason":"r"}', BlockGiven, None),
    ],
)
def test_what_could_have_stood_there_is_told(content, kind, expected):
    """The members that there are, or the values of one that has few."""
    _, told = refused(read_body, content, kind)
    assert told["errors"][0].get("expected") == expected
    assert (expected or "") in told["detail"]
    assert "secret" not in str(told)


def test_the_values_of_a_query_are_told():
    """Likewise."""
    _, told = refused(read_query, b"order=secret", ChangesQuery)
    assert told["errors"] == [
        {"where": "query.order", "what": "invalid enum value", "expected": "one of newest, oldest"}
    ]


def test_a_body_is_read_into_its_struct():
    """With what is left out as its default."""
    given = read_body(b'{"kind":"ip","value":"x","reason":"r"}', BlockGiven)
    assert given == BlockGiven(kind="ip", value="x", reason="r")


@pytest.mark.parametrize(
    "kind", ["application/json", 'Application/JSON; charset="utf-8"', "application/json;charset=UTF-8"]
)
def test_json_is_taken(kind):
    """However it is spelled."""
    check_media_type({"content-type": kind}, BlockGiven)


@pytest.mark.parametrize(
    "headers",
    [{}, {"content-type": "text/json"}, {"content-type": "application/json; charset=latin-1"},
     {"content-type": "application/json", "content-encoding": "gzip"}],
)  # fmt: skip
def test_other_bodies_are_not_taken(headers):
    """Neither others, nor compressed ones."""
    assert refused(check_media_type, headers, BlockGiven)[0] == 415


def test_bytes_are_taken_as_such():
    """And not JSON in their place."""
    check_media_type({"content-type": "Application/octet-stream"}, bytes)
    assert refused(check_media_type, {"content-type": "application/json"}, bytes)[0] == 415


@pytest.mark.parametrize(
    ("header", "taken"),
    [(None, True), ("*/*", True), ("text/html,application/json", True), ("application/*;q=0.5", True),
     ("text/html", False), ("application/json;q=0", False), ("", True)],
)  # fmt: skip
def test_a_caller_takes_what_there_is_or_not(header, taken):
    """By the ranges of its Accept header."""
    if taken:
        check_accepted(header, "application/json")
    else:
        assert refused(check_accepted, header, "application/json")[0] == 406
