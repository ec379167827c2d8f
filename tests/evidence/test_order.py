"""Exchanges by time."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.evidence.joining import join
from guard.evidence.order import Items, Ordered, shortened
from tests.support.journals import exchange


@given(st.lists(st.tuples(st.floats(0, 1e9), st.binary(max_size=50))), st.sampled_from([1, 500, 10**6]))
def test_all_come_back_by_time(items, memory):
    """Whatever fits into memory, what was put comes back in the order of time, and of one time as it was put."""
    with Ordered(memory) as ordered:
        for item in items:
            ordered.put(item)
        assert list(ordered.items()) == sorted(items, key=lambda item: item[0])


@pytest.mark.parametrize("brief", [False, True])
def test_items_are_lines_of_json(brief):
    """An exchange is gathered with its time, whole or as much as a line needs."""
    whole = join(exchange("a", 7.0, prompt="x" * 500))
    items = Items(brief=brief)
    items.add(whole)
    [(at, data)] = items.take()
    assert at == 7
    assert orjson.loads(data) == (shortened(whole) if brief else whole)


def test_short_form_is_short():
    """Texts are cut and answers left out."""
    short = shortened(join(exchange("a", prompt="x" * 500, output="y" * 500)))
    assert len(orjson.dumps(short)) < 1_000
    assert "y" not in short["response"]
