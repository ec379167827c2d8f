from typing import Any

import pytest

from guard.exchange import Attempt, Exchange
from guard.policy.models import Version
from tests.support.values import config


def test_a_new_exchange_knows_nothing():
    """Before anything happened there is no request, no decision and no answer, and nothing is shared with another."""
    one: Any = Exchange()
    other = Exchange()
    assert (one.peer, one.method, one.target, one.body, one.complete) == ("", "", "", b"", False)
    assert (one.routes, one.route, one.prompt, one.refusal, one.held) == ((), None, None, None, None)
    assert (one.version, one.status, one.answer, one.end) == (None, 0, b"", "")
    assert (one.received_at, one.first_byte_at, one.waited, one.overhead) == (0.0, 0.0, 0.0, 0.0)
    one.findings.append({})
    one.attempts.append(None)
    one.output.append("x")
    assert (other.findings, other.attempts, other.output) == ([], [], [])


def test_findings_are_kept_in_order():
    """What matched is noted with where, how strictly, and what is done about it."""
    one = Exchange()
    one.note("r-1", "prompt", "shadow", "block")
    one.note("r-2", "output", "enforce", "flag")
    assert one.findings == [
        {"rule": "r-1", "target": "prompt", "mode": "shadow", "action": "block"},
        {"rule": "r-2", "target": "output", "mode": "enforce", "action": "flag"},
    ]


def test_a_misspelled_field_is_an_error():
    """An exchange has the fields it has."""
    one: Any = Exchange()
    with pytest.raises(AttributeError):
        one.statsu = 200


def test_an_attempt_begins_without_result():
    """A try knows its version and when it began; the rest is still to come."""
    version = Version("chat", "v2", config().models["chat"].versions["v2"])
    attempt = Attempt(version, 12.5)
    assert (attempt.version, attempt.started_at) == (version, 12.5)
    assert (attempt.status, attempt.error, attempt.ms) == (0, None, 0.0)
