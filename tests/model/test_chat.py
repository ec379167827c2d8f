"""Chat completions as events; tests/model/test_app.py has the official client read them."""

import pytest

from guard.model.chat import answer
from tests.model.running import events, whole


def asked(**more):
    """A chat request."""
    return {"messages": [{"role": "user", "content": "say: one two"}], **more}


@pytest.mark.parametrize(("n", "choices"), [(None, 1), (3, 3), (0, 1), ("x", 1), (9999, 128)])
def test_choices(n, choices):
    """There are as many choices as asked for, within reason."""
    assert len(whole(answer("v1", asked(n=n)))["choices"]) == choices


def test_stream_ends():
    """A stream says who speaks, then the text, then why it ends, then the usage, then that it is done."""
    told = [data for _, data in events(answer("v1", asked(stream=True, stream_options={"include_usage": True})))]
    deltas = [event["choices"][0]["delta"] for event in told[:-2]]
    assert deltas == [{"role": "assistant", "content": ""}, {"content": "one "}, {"content": "two"}, {}]
    assert told[-3]["choices"][0]["finish_reason"] == "stop"
    assert told[-2]["choices"] == []
    assert told[-1] == "[DONE]"
