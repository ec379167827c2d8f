"""What holds for all tests."""

from hypothesis import settings

# How long an example takes says more of the machine, which runs other tests meanwhile, than of the code.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")
# For a night: pytest --hypothesis-profile=long tests/wire
settings.register_profile("long", max_examples=20_000, deadline=None)
