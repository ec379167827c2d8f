"""Rules that an operator adds by command: one text or one pattern each, in force in an instant.

They are compiled by themselves, which takes milliseconds, and matched beside the others, which may take seconds to
compile and stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

from guard.measures import AddedRule
from guard.ruleset.bundle import Bundle, compiled
from guard.ruleset.document import Read
from guard.ruleset.engine import EngineName
from guard.ruleset.folder import Folder
from guard.ruleset.pair import Pair
from guard.ruleset.problem import BundleError
from guard.ruleset.rule import Cases, Match, Rule

FILE = "added by command"


def with_added(bundle: Bundle, added: Sequence[AddedRule], *, engine: EngineName, hold_back: int) -> Bundle:
    """The bundle with these rules as well; the same one if there are none.

    Raises:
        BundleError: one of them cannot be compiled; it names every error.
    """
    if not added:
        return bundle
    folder = Folder(None, datetime.now(UTC))
    for one in added:
        folder.take(Read(_rule(one), FILE, {"": 0}))
    if folder.problems:
        raise BundleError(folder.problems)
    more = compiled(folder, engine=engine, hold_back=hold_back)
    digest = sha256(f"{bundle.hash} {more.hash} {sorted(added)}".encode()).hexdigest()
    return replace(
        bundle,
        rules=bundle.rules + more.rules,
        hash=digest,
        prompt=Pair(bundle.prompt, more.prompt),
        output=Pair(bundle.output, more.output),
        warnings=bundle.warnings + more.warnings,
    )


def _rule(added: AddedRule) -> Rule:
    match = Match(regex=added.text) if added.is_regex else Match(any=(added.text,))
    return Rule(
        id=added.id,
        title="added by command",
        level="critical",
        target="output" if added.target == "output" else "prompt",
        match=match,
        action="block",
        mode="shadow" if added.shadow else "enforce",
        # What it must and must not match is for its author to try; nothing of it is tried here.
        tests=Cases(match=(added.text,), no_match=("-",)),
    )
