"""Calls made up from the OpenAPI document, to a guard that runs, for a short while."""

import pytest

from loadtests.api import run


@pytest.mark.timeout(150)
def test_every_answer_is_as_the_document_says(tmp_path):
    """With the control process that `guard serve` starts; the logs verify afterwards."""
    assert run(tmp_path, 1, "fuzzing", 140) == []
