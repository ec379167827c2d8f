from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.formats.pointers import Pointers

DOCUMENT = {
    "a": {"b/c": "1", "~d": "2"},
    "list": [{"text": "3"}, {"text": "4", "id": "5"}],
    "": "6",
    "text": ["7", ["8"]],
}


@pytest.mark.parametrize(
    ("pointer", "places"),
    [
        ("/a/b~1c", {"/a/b~1c": "1"}),
        ("/a/~0d", {"/a/~0d": "2"}),
        ("/a", {"/a/b~1c": "1", "/a/~0d": "2"}),
        ("/list/*/text", {"/list/0/text": "3", "/list/1/text": "4"}),
        ("/list/1/*", {"/list/1/text": "4", "/list/1/id": "5"}),
        ("/*/0", {"/list/0/text": "3", "/text/0": "7"}),
        ("/text", {"/text/0": "7", "/text/1/0": "8"}),
        ("/", {"/": "6"}),
        ("/list/01/text", {}),
        ("/list/-", {}),
        ("/nothing", {}),
        ("/a/b~1c/more", {}),
    ],
)
def test_a_pointer_reaches_what_rfc_6901_says(pointer, places):
    """A pointer reaches the strings at its place and below; `*` stands for every element and member."""
    assert {place: text for place, text, reached in Pointers([pointer]).find(DOCUMENT) if reached} == places


def test_the_empty_pointer_is_the_whole_document():
    """The empty pointer reaches every string, but keys are nobody's."""
    reached = [text for _, text, reached in Pointers([""]).find(DOCUMENT) if reached]
    assert reached == list("12345678")
    assert list(Pointers([""]).find("alone")) == [("", "alone", frozenset([0]))]


def test_several_pointers_are_told_apart():
    """Each string comes with all the pointers that reach it."""
    found = {text: set(reached) for _, text, reached in Pointers(["/list/*", "/list/0/text", "/x"]).find(DOCUMENT)}
    assert found["3"] == {0, 1}
    assert found["4"] == {0}
    assert found["6"] == set()


@pytest.mark.parametrize("pointer", ["a", "a/b", "/a~", "/~2", "#/a", "/a/~b"])
def test_what_is_no_pointer_is_refused(pointer):
    """A pointer that RFC 6901 does not allow is an error that repeats it."""
    with pytest.raises(ValueError, match="expected '/' before each name"):
        Pointers([pointer])


@given(st.dictionaries(st.text(max_size=4), st.text(min_size=1, max_size=4), max_size=4))
def test_every_place_can_be_pointed_at(document):
    """The pointer that a string comes with reaches that string."""
    for place, text, reached in Pointers(["/*"]).find(document):
        if reached:
            assert [text for _, text, hit in Pointers([place]).find(document) if hit] in ([text], [*document.values()])


def test_depth_is_no_danger():
    """A deep document is walked like a flat one."""
    value: Any = "deep"
    for _ in range(20_000):
        value = [value]
    assert [text for _, text, reached in Pointers(["/0/*/0"]).find(value) if reached] == ["deep"]
