"""A rules folder as it was read: the rules that are ready to be compiled, and all that is wrong with the others."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from guard.ruleset.document import Read, read_document
from guard.ruleset.engine import Terms
from guard.ruleset.files import Files, phrase_file, read_phrases
from guard.ruleset.normalise import normalise
from guard.ruleset.parcel import ParcelError, digest, pack
from guard.ruleset.parser import PatternError
from guard.ruleset.pattern import Pattern, read_pattern
from guard.ruleset.problem import Problem


class Folder:
    """Reads its ``*.yaml`` in the order of their names; with None there is nothing to read.

    Attributes:
        ready: rules in force at `now`, with what they look for.
        files: the content of every file that was read, by its name.
        hash: that of these files as a parcel.
    """

    def __init__(self, files: Files | None, now: datetime) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[str] = []
        self.ready: list[tuple[Read, Terms]] = []
        self.files: dict[str, bytes] = {}
        self.hash = ""
        self._now = now
        self._seen: dict[str, Read] = {}
        if files is not None:
            self._source = files
            self._read()
        try:
            self.hash = digest(pack(self.files))
        except ParcelError as error:
            self.problems.append(Problem(file="", why=str(error)))

    def _read(self) -> None:
        try:
            names = self._source.rules()
        except ValueError as error:
            self.problems.append(Problem(file="", why=f"rules.dir: {error}"))
            return
        for name in names:
            self._file(name)
        if not self._seen and not self.problems:
            self.warnings.append(f"there are no rules in {self._source}")

    def _file(self, name: str) -> None:
        try:
            content = self._source.read(name)
        except ValueError as error:
            self.problems.append(Problem(file=name, why=str(error)))
            return
        self.files[name] = content
        reads, problems = read_document(name, content)
        self.problems.extend(problems)
        for read in reads:
            self.take(read)

    def take(self, read: Read) -> None:
        """Take a rule, wherever it comes from."""
        first = self._seen.setdefault(read.rule.id, read)
        if first is not read:
            where = f"{first.file}:{first.lines['']}"
            self.problems.append(read.problem("id", f"this id is taken by the rule at {where}"))
        self.keep(read, self._terms(read))

    def keep(self, read: Read, terms: Terms | None) -> None:
        """Have a rule ready, unless it has expired, or is not fit (None)."""
        expires = read.rule.expires
        if expires is not None and expires <= self._now:
            self.warnings.append(f"{read.file}: {read.rule.id}: expired at {expires.isoformat()} and is left out")
        elif terms is not None:
            self.ready.append((read, terms))

    def _terms(self, read: Read) -> Terms | None:
        """What the rule looks for; None, and a problem noted, when any part of it cannot be used."""
        before = len(self.problems)
        match = read.rule.match
        if not (match.any or match.any_file or match.regexes):
            self.problems.append(read.problem("match", "at least one of 'any', 'any_file' and 'regex' was expected"))
        listed = self._phrases(read, match.any_file) if match.any_file else ()
        literals = self._literals(read, "match.any", match.any) + self._literals(read, "match.any_file", listed)
        patterns = [pattern for source in match.regexes if (pattern := self._pattern(read, source))]
        return Terms(tuple(dict.fromkeys(literals)), tuple(patterns)) if len(self.problems) == before else None

    def _literals(self, read: Read, field: str, phrases: Sequence[str]) -> list[str]:
        literals = [normalise(phrase) for phrase in phrases]
        empty = [phrase for phrase, literal in zip(phrases, literals, strict=True) if not literal.strip()]
        self.problems.extend(read.problem(field, f"{phrase!r} has no visible character") for phrase in empty)
        return literals

    def _phrases(self, read: Read, name: str) -> Sequence[str]:
        try:
            content, phrases = read_phrases(self._source, name)
        except ValueError as error:
            self.problems.append(read.problem("match.any_file", str(error)))
            return ()
        self.files[phrase_file(name)] = content
        return phrases

    def _pattern(self, read: Read, source: str) -> Pattern | None:
        try:
            pattern = read_pattern(source)
        except PatternError as error:
            self.problems.append(read.problem("match.regex", f"{source!r}: {error}"))
            return None
        if pattern.confirm and read.rule.target == "output":
            why = "an output rule can neither look around nor refer back, because a stream is matched as it comes"
            self.problems.append(read.problem("match.regex", f"{source!r}: {why}"))
        return pattern
