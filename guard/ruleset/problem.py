"""What is wrong with a rule, said so that its author finds the place."""

from __future__ import annotations

from msgspec import Struct


class Problem(Struct, frozen=True, kw_only=True):
    """One mistake in the rules folder.

    Attributes:
        file: path relative to the rules folder; empty when the folder itself is meant.
        line: line of the file, from 1; None when it is not known.
        rule: the rule's id; empty when it has none or the whole file is meant.
        field: the field within the rule, e.g. ``match.regex``.
        why: what is wrong and what was expected.
    """

    file: str
    why: str
    line: int | None = None
    rule: str = ""
    field: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join([part for part in (place, self.rule, self.field, self.why) if part])


class BundleError(Exception):
    """The rules cannot be used. `errors` holds every problem that was found, not only the first."""

    def __init__(self, errors: list[Problem]) -> None:
        super().__init__("\n".join([str(error) for error in errors]))
        self.errors = errors
