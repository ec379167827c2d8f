import pytest

from guard.formats.base import NotUnderstood, begin, kind_of, require


@pytest.mark.parametrize(
    ("document", "model", "stream"),
    [({}, None, False), ({"model": "m"}, "m", False), ({"stream": True}, None, True), ({"stream": None}, None, False)],
)
def test_what_all_requests_have_is_read_first(document, model, stream):
    """The model's name and whether a stream is asked for, where the request says so."""
    prompt = begin(document)
    assert (prompt.texts, prompt.others, prompt.model, prompt.stream) == ([], [], model, stream)


@pytest.mark.parametrize(
    ("value", "name"),
    [({}, "an object"), ([], "a list"), ("", "a string"), (1, "a number"), (1.5, "a number"), (True, "a boolean"),
     (None, "null"), (b"", "something else")],
)  # fmt: skip
def test_types_have_the_names_that_json_gives_them(value, name):
    """Errors speak of JSON, not of Python."""
    assert kind_of(value) == name


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "x: expected a string or a list, but it is missing"),
        ({"x": 1}, "x: expected a string or a list, got a number"),
    ],
)
def test_a_member_can_be_required(document, message):
    """The error says what was expected and what was there."""
    require({"x": []}, "x", str, list)
    with pytest.raises(NotUnderstood, match=f"^{message}$"):
        require(document, "x", str, list)
