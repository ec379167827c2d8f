"""A folder of rules, read, checked, compiled and tried: all of it, or nothing and every reason why not."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from guard.ruleset.document import Read
from guard.ruleset.engine import Engine, EngineError, EngineMissingError, EngineName, Kept, Terms, choose
from guard.ruleset.files import Directory
from guard.ruleset.folder import Folder
from guard.ruleset.matcher import WIDEST, Matcher
from guard.ruleset.pair import Matching
from guard.ruleset.problem import BundleError, Problem
from guard.ruleset.rule import Rule

__all__ = ["Bundle", "BundleError", "Problem", "load"]


@dataclass(frozen=True, slots=True, repr=False)
class Bundle:
    """Rules that are ready to be used.

    Attributes:
        rules: all rules in force, in the order of their files.
        hash: SHA-256, in hexadecimal, of the files as a parcel (`guard.ruleset.parcel`): the same for the same files.
        prompt: matches the rules for prompts.
        output: matches the rules for outputs.
        warnings: what an operator should know, one sentence each.
        engine: name of the engine that matches.
    """

    rules: tuple[Rule, ...]
    hash: str
    prompt: Matching
    output: Matching
    warnings: tuple[str, ...]
    engine: str

    def __repr__(self) -> str:
        counts = f"{len(self.prompt.rules)} prompt {len(self.output.rules)} output"
        return f"<Bundle {self.hash[:12]} {counts} {self.engine}>"

    def without(self, ids: Collection[str]) -> Bundle:
        """The same without these rules, for which nothing is compiled anew; itself if it has none of them."""
        out = sorted({rule.id for rule in self.rules if rule.id in ids})
        if not out:
            return self
        return replace(
            self,
            rules=tuple([rule for rule in self.rules if rule.id not in ids]),
            hash=sha256(f"{self.hash} without {out}".encode()).hexdigest(),
            prompt=self.prompt.without(ids),
            output=self.output.without(ids),
        )


def load(
    directory: Path | None, *, engine: EngineName = "auto", hold_back: int = 256, now: datetime | None = None
) -> Bundle:
    """Read ``directory/*.yaml`` in the order of their names, compile the rules, and try each on its own tests.

    Takes a few tenths of a second for a thousand rules: never call it on an event loop. `hold_back` is in characters
    of normalised output. `now` decides which rules have expired. None as directory is no rules at all.

    Raises `BundleError` with every problem found.
    """
    folder = Folder(None if directory is None else Directory(directory), now or datetime.now(UTC))
    return compiled(folder, engine=engine, hold_back=hold_back, tried=True)


def compiled(
    folder: Folder, *, engine: EngineName, hold_back: int, tried: bool = False, kept: Kept | None = None
) -> Bundle:
    """Compile what was read; `tried`: and try each rule on its own tests.

    What is in `kept` need not be compiled; what was of use is told there (see `Kept`).

    Raises `BundleError` with every problem found.
    """
    try:
        chosen = choose(engine, kept)
    except EngineMissingError as error:
        raise BundleError([Problem(file="", why=str(error))]) from error
    problems = folder.problems
    prompt, output = [_compile(folder, target, chosen, hold_back, problems) for target in ("prompt", "output")]
    for read, _ in folder.ready if tried else ():
        problems.extend(_try(read, prompt if read.rule.target == "prompt" else output))
    if problems:
        raise BundleError(problems)
    warnings = (*folder.warnings, *_long_matches(folder.ready, hold_back))
    rules = tuple([read.rule for read, _ in folder.ready])
    return Bundle(rules, folder.hash, prompt, output, warnings, chosen.name)


def _compile(folder: Folder, target: str, engine: Engine, hold_back: int, problems: list[Problem]) -> Matcher:
    """The matcher for one target, without the rules that the engine refuses: those become problems."""
    entries = [(read, terms) for read, terms in folder.ready if read.rule.target == target]
    try:
        return Matcher([(read.rule, terms) for read, terms in entries], engine, hold_back=hold_back)
    except EngineError as error:
        refused = error
    faults = [(entries[number][0], source, why) for number, source, why in refused.faults]
    if not faults:
        problems.append(Problem(file="", why=f"the {target} rules cannot be compiled together: {refused}"))
        faults = [(read, "", "") for read, _ in entries]
    else:
        problems.extend(read.problem("match.regex", f"{source!r}: {why}") for read, source, why in faults)
    out = {read.rule.id for read, _, _ in faults}
    folder.ready = [(read, terms) for read, terms in folder.ready if read.rule.id not in out]
    return _compile(folder, target, engine, hold_back, problems)


def _try(read: Read, matcher: Matcher) -> list[Problem]:
    """Problems for the rule's own cases that do not come out as they say."""
    cases = read.rule.tests
    missed = [text for text in cases.match if read.rule not in matcher.scan(text)]
    hit = [text for text in cases.no_match if read.rule in matcher.scan(text)]
    return [read.problem("tests.match", f"{text!r} does not match") for text in missed] + [
        read.problem("tests.no_match", f"{text!r} matches") for text in hit
    ]


def _long_matches(ready: Sequence[tuple[Read, Terms]], hold_back: int) -> list[str]:
    """Warnings for blocking output patterns whose match may have its beginning released before it is complete."""
    return [
        f"{read.file}: {read.rule.id}: {pattern.source!r} has no bound: when a match takes more than {hold_back} "
        f"characters, its beginning is released before it is found"
        for read, terms in ready
        if read.rule.target == "output" and read.rule.blocks
        for pattern in terms.patterns
        if pattern.widest is None or pattern.widest > WIDEST
    ]
