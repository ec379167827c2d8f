import pytest

from guard.formats import NotUnderstood, format_for

PATH = "/v1/embeddings"
OPENAI = format_for("openai")


@pytest.mark.parametrize(("given", "texts"), [("a", ["a"]), (["a", "b"], ["a", "b"]), ([1, 2], []), ([[1], [2]], [])])
def test_the_input_is_text_in_every_form(given, texts):
    """A string, a list of them, or token ids, of which there is nothing to read."""
    prompt = OPENAI.prompt(PATH, {"model": "m", "input": given, "encoding_format": "float"})
    assert (prompt.texts, prompt.others, prompt.model) == (texts, ["m", "float"], "m")


@pytest.mark.parametrize("document", [{}, {"input": 5}, {"input": None}, {"input": {}}])
def test_without_an_input_it_is_not_understood(document):
    """The error says what was expected where."""
    with pytest.raises(NotUnderstood, match=r"^input: expected a string or a list"):
        OPENAI.prompt(PATH, document)


@pytest.mark.parametrize("vector", [[0.5] * 1_536, "AAAAAAAA", [[0.5], [0.25]]])
def test_vectors_are_no_text(vector):
    """Numbers and their base64 are passed over; usage is read."""
    output = OPENAI.output(PATH, {
        "object": "list", "model": "m", "data": [{"object": "embedding", "index": 0, "embedding": vector}],
        "usage": {"prompt_tokens": 3, "total_tokens": 3},
    })  # fmt: skip
    assert (output.texts, output.others) == ([], [])
    assert output.usage == {"input_tokens": 3, "output_tokens": 0, "total_tokens": 3}


def test_what_is_no_answer_is_text():
    """An error in place of vectors is read like any text."""
    assert OPENAI.output(PATH, {"error": {"message": "broken"}}).texts == ["broken"]
