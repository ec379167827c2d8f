"""What holds for all tests."""

from hypothesis import settings

# For a night: pytest --hypothesis-profile=long tests/wire
settings.register_profile("long", max_examples=20_000, deadline=None)
