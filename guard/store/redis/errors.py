"""How a Redis or Valkey fails, in the guard's own words: who it is, what it said, and nothing that is a secret."""

from __future__ import annotations

from guard.store.address import Address
from guard.store.errors import StoreError, plain


def told(address: Address, error: Exception, timeout: float) -> StoreError:
    """What the library or the system raised, as one of ours."""
    from redis import exceptions as redis

    unsure = True
    match error:
        case redis.TimeoutError() | TimeoutError():
            what = f"it does not answer within {timeout:g} seconds"
        case redis.AuthenticationError() | redis.AuthenticationWrongNumberOfArgsError():
            what, unsure = "it refuses the user or the password", False
        case redis.BusyLoadingError():
            what, unsure = "it is still loading its data", False
        case redis.OutOfMemoryError():
            what, unsure = "it is full", False
        case redis.ReadOnlyError():
            what, unsure = "it is a replica, which takes no changes", False
        case redis.ResponseError():
            what, unsure = f"it refuses ({plain(error)})", False
        case _:
            what = f"it cannot be reached ({plain(error)})"
    if address.password is not None:
        what = what.replace(address.password, "…")
    return StoreError(f"the store {address}: {what}", unsure=unsure)
