"""Filters."""

import orjson
import pytest

from guard.evidence.filters import FilterError, Filters, Matcher
from guard.evidence.joining import join
from tests.support.journals import exchange

FINDING = {"rule": "r-1", "target": "prompt", "mode": "enforce", "action": "block"}
CLIENT = {"address": "203.0.113.5", "key": "00ff", "certificate": None, "account": "acme", "name": "web"}


def made():
    """An exchange's records."""
    start, end = exchange("1a2097daac3-1b107cde-1", 1_500.0, 'What is "this"?', "That is Größe.")
    return [{**start, "client": CLIENT, "findings": [FINDING]}, end]


@pytest.mark.parametrize(
    ("yes", "no"),
    [
        ({}, {"text": "nowhere"}),
        ({"text": 'is "this'}, {"text": "IS"}),
        ({"text": "WHAT", "ignore_case": True}, {"text": "what"}),
        ({"text": "GRÖSSE", "ignore_case": True}, {"text": "GRÖSSE"}),
        ({"text": r"th\w+\W\?", "regex": True}, {"text": r"^th", "regex": True}),
        ({"client": ("web",)}, {"client": ("we",)}),
        ({"client": ("00ff", "other")}, {"client": ("acme",)}),
        ({"account": ("acme",)}, {"account": ("web",)}),
        ({"address": ("203.0.113.5",)}, {"address": ("203.0.113.6",)}),
        ({"address": ("203.0.113.0/24",)}, {"address": ("::/0",)}),
        ({"route": ("/v1/",)}, {"route": ("/v1",)}),
        ({"model": ("chat",)}, {"model": ("v2",)}),
        ({"version": ("v2",)}, {"version": ("chat",)}),
        ({"rule": ("r-1",)}, {"rule": ("r-2",)}),
        ({"status": ("200",)}, {"status": ("201",)}),
        ({"status": ("5xx", "2xx")}, {"status": ("4xx",)}),
        ({"status": ("199-200",)}, {"status": ("201-599",)}),
        ({"end": ("complete",)}, {"end": ("open",)}),
        ({"end": ("open", "complete")}, {"reason": ("why",)}),
        ({"id": ("1a2097daac3-1b107cde-1",)}, {"id": ("1a2097daac3-1b107cde-2",)}),
        ({"since": 1_500.0, "until": 1_500.0}, {"since": 1_500.1}),
        ({"until": 1_600.0}, {"until": 1_499.9}),
    ],
)
def test_what_matches(yes, no):
    """Each filter lets through what it names and nothing else, and the raw lines do not rule out what matches."""
    records = made()
    matcher = Matcher(Filters(**yes))
    assert matcher(join(records))
    assert matcher.probe is None or any(matcher.probe(orjson.dumps(record), record["kind"]) for record in records)
    assert not Matcher(Filters(**no))(join(records))


def test_all_filters_must_hold():
    """An exchange is wanted when every filter lets it through."""
    assert not Matcher(Filters(client=("web",), version=("v1",)))(join(made()))


def test_open_exchanges():
    """`open` is what has no end."""
    assert Matcher(Filters(end=("open",)))(join(made()[:1]))


def test_what_is_not_known_matches_nothing():
    """An exchange without client, time or status is passed by filters on those."""
    bare = join(exchange("x")[1:])
    for given in ({"client": ("web",)}, {"address": ("::/0",)}, {"since": 0.0}, {"account": ("a",)}):
        assert not Matcher(Filters(**given))(bare)


@pytest.mark.parametrize(
    "given",
    [{"text": "(", "regex": True}, {"address": ("home",)}, {"status": ("ok",)}, {"status": ("20",)}],
)
def test_meaningless_filters_are_refused(given):
    """A filter that means nothing is an error in words."""
    with pytest.raises(FilterError):
        Matcher(Filters(**given))


def test_catastrophic_expression_is_refused(monkeypatch):
    """An expression that takes too long over one exchange ends the search, and names the exchange."""
    monkeypatch.setattr("guard.evidence.filters.EXPRESSION_SECONDS", 0.05)
    start, end = exchange("slow", prompt="a" * 40 + "b")
    with pytest.raises(FilterError, match="over slow"):
        Matcher(Filters(text="(a+)+$", regex=True))(join([start, end]))


def test_what_was_asked_is_told():
    """The filters that are given, by name."""
    assert Filters(text="x", client=("a",), since=1.0).told() == {"text": "x", "client": ("a",), "since": 1.0}
