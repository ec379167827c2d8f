import pytest

from guard.formats.usage import usage_of


def counts(read, written, total, **more):
    """Usage under common names."""
    return {"input_tokens": read, "output_tokens": written, "total_tokens": total} | more


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}, counts(3, 4, 7)),
        ({"prompt_tokens": 3, "completion_tokens": 4}, counts(3, 4, 7)),
        ({"prompt_tokens": 3, "total_tokens": 3}, counts(3, 0, 3)),
        (
            {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7,
             "prompt_tokens_details": {"cached_tokens": 2}, "completion_tokens_details": {"reasoning_tokens": 1}},
            counts(3, 4, 7, cached_tokens=2, reasoning_tokens=1),
        ),
        (
            {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7, "input_tokens_details": {"cached_tokens": 0},
             "output_tokens_details": {"reasoning_tokens": 0}},
            counts(3, 4, 7, cached_tokens=0, reasoning_tokens=0),
        ),
        ({"input_tokens": 3, "output_tokens": 4}, counts(3, 4, 7)),
        (
            {"input_tokens": 3, "output_tokens": 4, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 6,
             "output_tokens_details": {"thinking_tokens": 2}},
            counts(14, 4, 18, cached_tokens=5, reasoning_tokens=2),
        ),
        ({"input_tokens": 3, "output_tokens": 4, "cache_read_input_tokens": None}, counts(3, 4, 7, cached_tokens=0)),
        ({"prompt_tokens": "3", "completion_tokens": True, "total_tokens": 7}, counts(0, 0, 7)),
        ({"prompt_tokens": 3, "prompt_tokens_details": [1]}, counts(3, 0, 3)),
        ({"prompt_tokens": -1}, None),
        ({}, None),
        ([3], None),
        (None, None),
    ],
)  # fmt: skip
def test_usage_has_common_names(told, usage):
    """Each API's counts come under the same names; what is no count is left out."""
    assert usage_of(told) == usage
