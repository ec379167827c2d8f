import orjson
import pytest

from guard.formats.errors import body, event


def test_a_body_is_json():
    """The document comes back as it was."""
    assert orjson.loads(body({"error": {"message": "é\n\u2028", "param": None}})) == {
        "error": {"message": "é\n\u2028", "param": None}
    }


def test_an_event_is_one_line_of_data_and_a_blank_line():
    """Line ends in a message cannot end the event."""
    assert event({"message": "a\r\n\ndata: b"}) == b'event: error\ndata: {"message":"a\\r\\n\\ndata: b"}\n\n'


@pytest.mark.parametrize("message", ["\ud800", "a\udc00b"])
def test_what_json_cannot_carry_is_replaced(message):
    """Half a surrogate pair in a message does not keep the error from being told."""
    assert (
        orjson.loads(body({"error": {"message": message}}))["error"]["message"]
        == message.encode(errors="replace").decode()
    )
