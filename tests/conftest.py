"""What holds for all tests."""

from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says more of the machine, which runs other tests meanwhile, than of the code.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")
# For a night: pytest --hypothesis-profile=long tests/wire
settings.register_profile("long", max_examples=20_000, deadline=None)

LOADTESTS = Path(__file__).parent / "loadtests"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A load test, however small, takes its time."""
    for item in items:
        if LOADTESTS in item.path.parents:
            item.add_marker(pytest.mark.slow)
