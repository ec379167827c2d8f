import pytest

from guard.formats import NotUnderstood, format_for

PATH = "/v1/moderations"
OPENAI = format_for("openai")


@pytest.mark.parametrize(
    ("given", "texts"),
    [
        ("a", ["a"]),
        (["a", "b"], ["a", "b"]),
        ([{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "u"}}], ["a"]),
    ],
)
def test_the_input_is_text_in_every_form(given, texts):
    """A string, a list of them, or a list of parts."""
    assert OPENAI.prompt(PATH, {"model": "m", "input": given}).texts == texts


def test_without_an_input_it_is_not_understood():
    """The error says what was expected where."""
    with pytest.raises(NotUnderstood, match=r"^input: expected a string or a list, but it is missing$"):
        OPENAI.prompt(PATH, {"model": "m"})


def test_the_categories_scores_are_the_confidence():
    """The highest score of each category over all inputs is told, and no text is made of the categories."""

    def result(score):
        return {
            "flagged": True, "categories": {"hate": True, "self-harm": False},
            "category_scores": {"hate": score, "self-harm": 0.1}, "category_applied_input_types": {"hate": ["text"]},
        }  # fmt: skip

    output = OPENAI.output(PATH, {"id": "m-1", "model": "m", "results": [result(0.25), result(0.75), "odd"]})
    assert output.confidence == {"kind": "scores", "scores": {"hate": 0.75, "self-harm": 0.1}}
    assert (output.texts, output.others) == ([], ["text", "text", "odd"])


def test_what_is_no_answer_is_text():
    """An error in place of results is read like any text."""
    assert OPENAI.output(PATH, {"error": {"message": "broken"}}).texts == ["broken"]
