import orjson
import pytest

from guard.formats import NotUnderstood, format_for

PATH = "/v1/completions"
OPENAI = format_for("openai")


@pytest.mark.parametrize(
    ("prompt", "texts"),
    [
        ("Once", ["Once", "end"]),
        (["a", "b"], ["a", "b", "end"]),
        ([1, 2, 3], ["end"]),
        ([[1], [2]], ["end"]),
        ("", ["end"]),
    ],
)
def test_the_prompt_is_text_in_every_form(prompt, texts):
    """A string, a list of them, or token ids, of which there is nothing to read."""
    assert OPENAI.prompt(PATH, {"model": "m", "prompt": prompt, "suffix": "end", "user": "eve"}).texts == texts


@pytest.mark.parametrize("document", [{"model": "m"}, {"prompt": 5}, {"prompt": None}, {"prompt": {"a": "b"}}])
def test_without_a_prompt_it_is_not_understood(document):
    """The error says what was expected where."""
    with pytest.raises(NotUnderstood, match=r"^prompt: expected a string or a list"):
        OPENAI.prompt(PATH, document)


def test_the_output_is_the_text_of_every_choice():
    """Texts, usage and the older form of log-probabilities are read."""
    output = OPENAI.output(PATH, {
        "id": "c", "object": "text_completion", "model": "m", "usage": {"prompt_tokens": 1, "completion_tokens": 2},
        "choices": [
            {"text": "a", "index": 0, "finish_reason": "stop",
             "logprobs": {"tokens": ["a"], "token_logprobs": [-0.5], "top_logprobs": [{"a": -0.5}]}},
            {"text": "b", "index": 1},
        ],
    })  # fmt: skip
    assert (output.texts, output.others) == (["a", "b"], [])
    assert output.usage == {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    assert output.confidence == {"kind": "logprobs", "tokens": 1, "mean": -0.5, "min": -0.5}


@pytest.mark.parametrize(
    ("event", "found"),
    [
        ({"id": "c", "model": "m", "choices": [{"text": "Hi", "index": 0, "finish_reason": None}]}, [("0", "Hi")]),
        (
            {"choices": [{"text": "a", "index": 1}, {"text": "b", "index": 0, "finish_reason": "stop"}]},
            [("1", "a"), ("0", "b")],
        ),
        ({"choices": [{"text": ["a"]}, "odd", 5]}, [("0.text.0", "a"), ("1", "odd")]),
        ({"choices": [], "own": "x"}, [("=", "own"), ("=own", "x")]),
        ({"content": "no choices"}, [("content", "no choices")]),
    ],
)
def test_events_come_in_channels(event, found):
    """Each choice is a channel; unknown shapes are read at their places."""
    assert OPENAI.stream(PATH).read(orjson.dumps(event)) == found


def test_a_stream_tells_usage_and_confidence():
    """Counts and log-probabilities are kept while the stream is read."""
    reader = OPENAI.stream(PATH)
    reader.read(b'{"choices":[{"index":0,"text":"a","logprobs":{"tokens":["a"],"token_logprobs":[-2.0]}}]}')
    reader.read(b'{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}')
    assert reader.usage == {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    assert reader.confidence == {"kind": "logprobs", "tokens": 1, "mean": -2.0, "min": -2.0}
