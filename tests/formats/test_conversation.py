import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.formats import NotUnderstood
from guard.formats.conversation import read_messages
from guard.formats.shapes import ITEM
from guard.formats.walk import collect

MESSAGES = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "role": st.sampled_from(["user", "", "own"]) | st.none(),
            "content": st.text(max_size=3) | st.lists(st.just({"type": "text", "text": "a"})) | st.none(),
            "name": st.just("eve"),
        },
    )
)


@given(MESSAGES)
def test_plain_messages_are_read_like_all_others(messages):
    """The quick way through messages that are only a role and a text finds what the walk finds."""
    quick: tuple[list[str], list[str]] = ([], [])
    walked: tuple[list[str], list[str]] = ([], [])
    read_messages(messages, *quick)
    collect(messages, ITEM, *walked)
    assert quick == walked


@pytest.mark.parametrize("message", ["Hi", None, 5, ["Hi"]])
def test_a_message_is_an_object(message):
    """The error says which message was something else."""
    with pytest.raises(NotUnderstood, match=r"^messages\[1\]: expected an object, got "):
        read_messages([{"role": "user", "content": "Hi"}, message], [], [])
