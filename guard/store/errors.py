"""How a store fails, in the guard's own words."""

from __future__ import annotations


class StoreError(Exception):
    """The store did not do what it was asked: it is not there, too slow, or refuses; the message says which.

    Attributes:
        unsure: whether it may have done it all the same, as where no answer came.
    """

    def __init__(self, message: str, *, unsure: bool = False) -> None:
        super().__init__(message)
        self.unsure = unsure


def plain(error: Exception) -> str:
    """What a library or the system says of an error, on one line and not too long."""
    text = str(error) or type(error).__name__
    return "".join(letter if letter.isprintable() else " " for letter in text)[:300].rstrip(". ")
