"""Messages as events; tests/model/test_app.py has the official client read them."""

from guard.model.messages import answer
from tests.model.running import events


def test_events_frame_the_block():
    """A streamed message starts, has one block in pieces, tells why it stopped, and stops."""
    request = {"messages": [{"role": "user", "content": "say: a b"}], "stream": True}
    told = events(answer("v1", request))
    assert [kind for kind, _ in told] == [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert told[0][1]["message"]["content"] == []
    assert told[-2][1]["delta"]["stop_reason"] == "end_turn"
