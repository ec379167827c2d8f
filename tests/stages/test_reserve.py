from typing import Any

import orjson
import pytest

from guard.exchange import Attempt
from guard.formats.base import Prompt
from guard.policy.meters import Meters
from guard.refusal import Refusal
from guard.stages.limit import limit
from guard.stages.parse import parse
from guard.stages.reserve import check_share, estimate, reserve, settle, tokens_in
from guard.stages.route import route
from tests.support.values import exchange, policy

MODELS = {
    "chat": {
        "versions": {
            "v2": {"url": "http://127.0.0.1:1", "price": {"input": 2.0, "output": 10.0}},
            "v1": {"url": "http://127.0.0.1:2", "price": {"input": 1.0}},
        },
        "active": "v2",
        "fallback": ["v1"],
    },
    "other": {"versions": {"v1": {"url": "http://127.0.0.1:3"}}, "active": "v1"},
}
ROUTES = [
    {"path": "/v1/", "format": "openai", "model": "other", "names": ["other"]},
    {"path": "/v1/", "format": "openai", "model": "chat"},
]


def bounded(*limits: dict[str, Any]):
    """A policy with these limits."""
    return policy(limits=list(limits), models=MODELS, routes=ROUTES)


def asked(rules, meters, text: str = "x" * 400, **more: Any):
    """A request of 100 tokens (and 5 of the model's name and so on, which are no prompt), through all stages."""
    body = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": text}], **more})
    one = exchange(rules, body=body, content_type="application/json")
    try:
        limit(one, meters)
        parse(one, meters)
        route(one, meters)
        estimate(one, meters)
        reserve(one, meters)
    except Refusal as refusal:
        return refusal
    return one


def answered(one, status: int = 200, end: str = "complete", version: int = 0, **more: Any):
    """The exchange has gone to a model, and is over."""
    one.version = one.route.model.versions[version]
    one.attempts.append(Attempt(one.version, 0.0))
    one.attempts[-1].status = status
    one.end = end
    for name, value in more.items():
        setattr(one, name, value)


def used(meters: Meters) -> float:
    """How much of a limit of a million an hour is used, to the nearest ten."""
    [tat] = meters.spare.tat.values()
    return float(round(max(tat - meters.now(), 0.0) / 2_592_000 * 1_000_000, -1))


MONTH = {"per": "client", "tokens": "1000000/month"}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, (100, 0)),
        ({"max_tokens": 50}, (100, 50)),
        ({"max_completion_tokens": 70, "max_tokens": 50}, (100, 70)),
        ({"max_output_tokens": 5}, (100, 5)),
        ({"max_tokens": -5}, (100, 0)),
        ({"max_tokens": None}, (100, 0)),
        ({"max_tokens": "9"}, (100, 0)),
        ({"max_tokens": True}, (100, 0)),
        ({"max_tokens": 2**60}, (100, 2**40)),
    ],
)
def test_what_is_thought_to_be_needed(more, expected):
    """A quarter of the prompt's bytes, and the most that the model may write by the document's own word."""
    assert asked(bounded(MONTH), Meters(), **more).expected == expected


def test_tokens_are_told_from_bytes():
    """Four bytes are about a token; half of one is one too."""
    assert [tokens_in(texts) for texts in ([], ["abc"], ["abcd", "e"], ["äöü€"], ["\ud800"])] == [0, 1, 2, 3, 1]


def test_who_has_not_enough_left_is_refused():
    """What is refused has reserved nothing; its message says what there was too little of."""
    rules, meters = bounded({"per": "client", "tokens": "1000/h"}), Meters()
    first = asked(rules, meters, max_tokens=850)
    refusal = asked(rules, meters)
    assert (refusal.status, refusal.code) == (429, "rate_limit_exceeded")
    assert refusal.message == "over the limit of 1000/h tokens for each client; try again in 180 s"
    settle(first, meters)
    meters.release(first.held)
    assert not isinstance(asked(rules, meters), Refusal)


USAGE = {"input_tokens": 120, "output_tokens": 30, "total_tokens": 150}


@pytest.mark.parametrize(
    ("ended", "tokens"),
    [
        ({"usage": USAGE}, 150),
        ({"usage": {**USAGE, "total_tokens": 200}}, 200),
        ({"usage": USAGE, "output": ["y" * 4_000]}, 150),
        ({"usage": USAGE, "output": ["y" * 4_000], "end": "client_disconnected"}, 1120),
        ({"output": ["y" * 4_000]}, 1100),
        ({"output": [("0", "y" * 4_000)], "seen": 4_000, "end": "truncated"}, 2100),
        ({"status": 500}, 0),
        ({"status": 429, "output": ["slow down"]}, 0),
        ({"status": 0, "end": "client_disconnected"}, 100),
    ],
)
def test_it_is_settled_by_what_is_known(ended, tokens):
    """By the usage that was told, by more if the answer broke off after more, else by what was seen; an error has used
    nothing.
    """
    rules, meters = bounded(MONTH), Meters()
    one = asked(rules, meters, max_tokens=5_000)
    answered(one, **ended)
    settle(one, meters)
    assert used(meters) == tokens
    settle(one, meters)
    meters.release(one.held)
    assert used(meters) == tokens
    assert not meters.spare.counts


@pytest.mark.parametrize(("error", "tokens"), [("connection refused", 0), ("first byte timeout after 60 s", 100)])
def test_a_model_that_does_not_answer(error, tokens):
    """Who could not be reached has read nothing; who answers too late may have."""
    rules, meters = bounded(MONTH), Meters()
    one = asked(rules, meters)
    answered(one, status=0, end="upstream_error")
    one.attempts[-1].error = error
    settle(one, meters)
    assert used(meters) == tokens


def test_what_never_went_to_a_model_used_nothing():
    """E.g. because its record could not be written."""
    rules, meters = bounded(MONTH), Meters()
    one = asked(rules, meters)
    settle(one, meters)
    assert used(meters) == 0


@pytest.mark.parametrize(("version", "cost"), [(0, 120 * 2 + 30 * 10), (1, 120)])
def test_cost_is_by_the_version_that_answered(version, cost):
    """Prices are for a million tokens; what was reserved went by the active version."""
    rules, meters = bounded({"per": "client", "cost": "1/month"}), Meters()
    one = asked(rules, meters, max_tokens=1000)
    [reserved] = one.held.reserved
    assert reserved.units == pytest.approx((100 * 2 + 1000 * 10) / 1e6)
    answered(one, version=version, usage=USAGE)
    settle(one, meters)
    assert used(meters) == pytest.approx(cost, abs=10)


def test_limits_on_a_model_are_for_those_who_ask_it():
    """The document tells which model it is, so that they come after it was read; others are not held."""
    rules, meters = bounded({"per": "model", "requests": "1/h", "concurrency": 5}), Meters()
    assert not isinstance(asked(rules, meters), Refusal)
    assert isinstance(asked(rules, meters), Refusal)
    assert not isinstance(asked(rules, meters, model="other"), Refusal)


def test_without_limits_nothing_is_reserved():
    """No limits, no state; nor for a request that has only the head's."""
    for rules in (bounded(), bounded({"per": "client", "requests": "9/s"})):
        one = asked(rules, Meters())
        assert one.held is None or one.held.reserved == []


def test_a_session_goes_on_for_as_long_as_there_is_something_left():
    """What goes on may go on while its use is within the limit, and no longer."""
    rules, meters = bounded({"per": "client", "tokens": "1000/h"}), Meters()
    one = exchange(rules)
    one.route = one.routes[1]
    estimate(one, meters)
    reserve(one, meters)
    answered(one, status=101, end="")
    for total in (500, 990):
        one.usage = {"input_tokens": total, "output_tokens": 0, "total_tokens": total}
        settle(one, meters)
        check_share(one, meters)
    one.usage = {"input_tokens": 1500, "output_tokens": 0, "total_tokens": 1500}
    settle(one, meters)
    with pytest.raises(Refusal) as refused:
        check_share(one, meters)
    assert refused.value.code == "rate_limit_exceeded"


def test_a_prompt_that_is_measured_already_is_not_measured_again():
    """A large one is measured where it is read."""
    one = exchange(bounded(MONTH))
    one.prompt = Prompt(["x" * 40], [], None, False)
    one.expected = (7, 7)
    estimate(one, Meters())
    assert one.expected == (7, 7)
