from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.formats.walk import LONGEST_CHANNEL, OTHER, SKIP, TEXT, Shape, collect, collect_around, trace

ALL = Shape(TEXT)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


def nested(depth):
    """A string below `depth` lists and objects."""
    value: Any = "deep"
    for level in range(depth):
        value = [value] if level % 2 else {"content": value}
    return value


def collected(value, shape):
    """The texts and the other strings of a value."""
    texts: list[str] = []
    others: list[str] = []
    collect(value, shape, texts, others)
    return texts, others


@pytest.mark.parametrize(
    ("shape", "value", "texts", "others"),
    [
        (ALL, "a", ["a"], []),
        (ALL, "", [], []),
        (ALL, ["a", ["b"], 1, None, True, {"content": "c"}], ["a", "b", "c"], []),
        (ALL, {"own key": "a"}, ["a"], ["own key"]),
        (ALL, {"own key": 1}, [], ["own key"]),
        (Shape(TEXT, keys=TEXT), {"own key": "a"}, ["own key", "a"], []),
        (Shape(OTHER).having(text=ALL), {"id": "x", "text": ["a", {"id": "b"}]}, ["a", "b"], ["x"]),
        (Shape(SKIP, rest=ALL), "made up", [], []),
        (Shape(SKIP, rest=ALL), ["not", "one string"], ["not", "one string"], []),
        (Shape(SKIP), [["made up"]], [], []),
        (Shape(SKIP, rest=ALL, opaque=True), [1.5, 2.5], [], []),
        (Shape(TEXT).when(image=Shape(OTHER)), [{"type": "image", "url": "u"}, {"type": "x", "url": "v"}], ["x", "v"],
         ["image", "u"]),
        (Shape(TEXT).when(image=Shape(OTHER)), {"type": ["image"], "url": "u"}, ["image", "u"], []),
    ],
)  # fmt: skip
def test_strings_are_sorted_by_their_place(shape, value, texts, others):
    """Each string goes where the shape of its place says, in document order, and empty strings go nowhere."""
    assert collected(value, shape) == (texts, others)


@pytest.mark.parametrize("depth", [64, 50_000])
def test_depth_is_no_danger(depth):
    """A deep document is walked like a flat one."""
    assert collected(nested(depth), ALL) == (["deep"], [])
    assert [text for _, text in trace(nested(depth), ALL, "")] == ["deep"]


def test_channel_names_stay_short():
    """Deep places and long keys make channel names of bounded length."""
    assert all(len(channel) <= LONGEST_CHANNEL + 10 for channel, _ in trace(nested(5_000), ALL, ""))


def test_long_lists_of_numbers_are_passed_over():
    """Token ids and vectors have no strings, but a string among numbers is found."""
    assert collected([1] * 100_000, ALL) == ([], [])
    assert collected([*[1] * 1_000, "a"], ALL) == (["a"], [])


SHAPE = Shape(OTHER).having(model=Shape(SKIP, rest=ALL), content=ALL)


@given(st.dictionaries(st.sampled_from(["model", "content", "usage", "own", ""]), JSON))
def test_the_quick_walk_is_the_plain_walk(document):
    """Passing over numbers and known names quickly finds the same strings in the same order."""
    texts: list[str] = []
    others: list[str] = []
    collect_around(document, SHAPE, "content", lambda value, *into: collect(value, ALL, *into), texts, others)
    assert (texts, others) == collected(document, SHAPE)


@given(JSON)
def test_tracing_finds_what_collecting_finds(value):
    """With channels or without, a walk finds the same strings."""
    texts, others = collected(value, ALL)
    found = trace(value, ALL, "")
    assert [text for channel, text in found if not channel.startswith("=")] == texts
    assert [text for channel, text in found if channel.startswith("=") and text] == others


def test_channels_are_named_after_places():
    """A channel is the place of its text; what is not text is marked as whole in itself."""
    shape = Shape(TEXT).having(id=Shape(OTHER), model=Shape(SKIP))
    document = {"id": "x", "model": "m", "parts": [{"text": "a"}, {"text": "b"}]}
    assert trace(document, shape, "0") == [
        ("=0.id", "x"),
        ("=0.", "parts"),
        ("0.parts.0.text", "a"),
        ("0.parts.1.text", "b"),
    ]
