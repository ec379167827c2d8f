"""What is said of a store that fails; tests/store/redis/test_connection.py has real ones fail."""

import pytest
from redis import exceptions as redis

from guard.store.address import parse
from guard.store.redis.errors import told


@pytest.mark.parametrize(
    ("error", "expected", "unsure"),
    [
        (redis.TimeoutError("x"), "it does not answer within 0.5 seconds", True),
        (TimeoutError(), "it does not answer within 0.5 seconds", True),
        (redis.AuthenticationError("invalid"), "it refuses the user or the password", False),
        (redis.BusyLoadingError("x"), "it is still loading its data", False),
        (redis.OutOfMemoryError("x"), "it is full", False),
        (redis.ReadOnlyError("x"), "it is a replica, which takes no changes", False),
        (redis.ResponseError("wrong\nkind."), "it refuses (wrong kind)", False),
        (redis.ConnectionError("no route to s3cret"), "it cannot be reached (no route to …)", True),
        (OSError(), "it cannot be reached (OSError)", True),
    ],
)
def test_each_failure_has_words(error, expected, unsure):
    """Which store it is, what is the matter, on one line; whether the command may have been done; no password."""
    found = told(parse("redis://u:s3cret@h"), error, 0.5)
    assert (str(found), found.unsure) == (f"the store h:6379: {expected}", unsure)
