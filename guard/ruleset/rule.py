"""One rule: what it looks for, where, and what is done about it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

RuleId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Line = Annotated[str, Meta(min_length=1, max_length=256)]


class Match(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a rule looks for; a text matches when any part of it is found.

    Attributes:
        any: literals.
        any_file: a file under the rules folder's ``data/`` with one literal a line.
        regex: one or several regular expressions in the rules' own dialect (`guard.ruleset.parser`).
    """

    any: tuple[Annotated[str, Meta(min_length=1)], ...] = ()
    any_file: Annotated[str, Meta(min_length=1)] | None = None
    regex: str | tuple[str, ...] = ()

    @property
    def regexes(self) -> tuple[str, ...]:
        """The regular expressions, as many as there are."""
        return (self.regex,) if isinstance(self.regex, str) else self.regex


class Cases(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Texts that the rule must match and texts that it must not; tried whenever the rule is loaded."""

    match: Annotated[tuple[str, ...], Meta(min_length=1)]
    no_match: Annotated[tuple[str, ...], Meta(min_length=1)]


class Rule(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A rule as its author wrote it. The field names that Sigma has are Sigma's, with Sigma's meaning.

    Attributes:
        target: whether prompts or outputs are searched.
        action: refuse what matches, or only write the finding down.
        mode: with ``shadow`` nothing is refused; the finding says what would have been.
        expires: from then on the rule is left out when rules are loaded; a bare date begins at midnight UTC.
    """

    id: RuleId
    title: Line
    level: Literal["low", "medium", "high", "critical"]
    target: Literal["prompt", "output"]
    match: Match
    action: Literal["block", "flag"]
    tests: Cases
    mode: Literal["enforce", "shadow"] = "enforce"
    expires: datetime | None = None
    status: Literal["stable", "test", "experimental", "deprecated", "unsupported"] = "experimental"
    description: str = ""
    author: str = ""
    date: date | None = None
    tags: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    falsepositives: tuple[str, ...] = ()

    @property
    def blocks(self) -> bool:
        """Whether a match refuses the exchange."""
        return self.action == "block" and self.mode == "enforce"
