import pytest

from guard.formats import NotUnderstood
from guard.formats.unknown import all_output, all_prompt


def test_every_string_of_a_request_is_text():
    """Whatever its place, and the model's name is still told."""
    prompt = all_prompt({"model": "m", "own": [{"id": "a"}], "n": 5})
    assert (prompt.texts, prompt.others, prompt.model) == (["m", "a"], ["own"], "m")


@pytest.mark.parametrize("document", [[], "a", None, {"model": 5}])
def test_a_request_is_an_object(document):
    """Anything else is not understood, and neither is a model that is no name."""
    with pytest.raises(NotUnderstood):
        all_prompt(document)


@pytest.mark.parametrize(
    ("document", "texts"), [("a", ["a"]), (["a", ["b"]], ["a", "b"]), ({"id": "a"}, ["a"]), (None, []), (5, [])]
)
def test_every_string_of_an_answer_is_text(document, texts):
    """Whatever its place."""
    assert all_output(document).texts == texts


def test_usage_and_scores_are_noticed():
    """Under their usual names they are told even of an answer that nobody knows."""
    output = all_output({"usage": {"input_tokens": 1}, "label": "a", "score": 0.5})
    assert output.usage == {"input_tokens": 1, "output_tokens": 0, "total_tokens": 1}
    assert output.confidence == {"kind": "scores", "scores": {"a": 0.5}}
