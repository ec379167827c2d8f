"""What can be wrong with an order."""

from __future__ import annotations


class OrderError(Exception):
    """An order that cannot be taken; nothing of it was placed.

    Attributes:
        where: the member of the change that is wrong, e.g. ``changes[2].value``; empty: the order as a whole.
        what: what is wrong with it.
        expected: what could stand there; empty: nothing better is known.
        missing: whether it is about something that is not there.
    """

    def __init__(self, where: str, what: str, expected: str = "", *, missing: bool = False) -> None:
        super().__init__(f"{what}; {'' if missing else 'expected '}{expected}" if expected else what)
        self.where = where
        self.what = what
        self.expected = expected
        self.missing = missing

    def within(self, place: str) -> OrderError:
        """The same, seen from further out."""
        where = f"{place}.{self.where}" if self.where else place
        return OrderError(where, self.what, self.expected, missing=self.missing)
