"""How the store fails, in the guard's own words: who it is, what it said, and nothing that is a secret."""

from __future__ import annotations

from guard.store.address import Address


class StoreError(Exception):
    """The store did not do what it was asked: it is not there, too slow, or refuses; the message says which.

    Attributes:
        unsure: whether it may have done it all the same, as where no answer came.
    """

    def __init__(self, message: str, *, unsure: bool = False) -> None:
        super().__init__(message)
        self.unsure = unsure


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
            what, unsure = f"it refuses ({_plain(error)})", False
        case _:
            what = f"it cannot be reached ({_plain(error)})"
    if address.password is not None:
        what = what.replace(address.password, "…")
    return StoreError(f"the store {address}: {what}", unsure=unsure)


def _plain(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return "".join(letter if letter.isprintable() else " " for letter in text)[:300].rstrip(". ")
