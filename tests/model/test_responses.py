"""Responses as events; tests/model/test_app.py has the official client read them."""

from guard.model.responses import answer
from tests.model.running import events, whole


def test_events_are_numbered():
    """Each event says its kind, and they are numbered from 0 without a gap."""
    told = events(answer("v1", {"input": "say: a b", "stream": True}))
    assert [data["sequence_number"] for _, data in told] == list(range(len(told)))
    assert all(data["type"] == kind for kind, data in told)
    assert (told[0][0], told[-1][0]) == ("response.created", "response.completed")


def test_log_probabilities_are_there_if_asked_for():
    """Each piece of the text has its log-probability when the request includes them."""
    request = {"input": "say: a b", "include": ["message.output_text.logprobs"]}
    part = whole(answer("v1", request))["output"][0]["content"][0]
    assert "".join(entry["token"] for entry in part["logprobs"]) == part["text"]
    streamed = events(answer("v1", {**request, "stream": True}))
    deltas = [data for kind, data in streamed if kind == "response.output_text.delta"]
    assert [entry["token"] for data in deltas for entry in data["logprobs"]] == ["a ", "b"]
