"""Rules that are to be added, compiled as the workers will."""

from __future__ import annotations

from hashlib import sha256
from time import thread_time

from guard.changes import AddRule
from guard.config import Rules
from guard.control.errors import OrderError
from guard.measures import AddedRule

MOST_SECONDS = 10.0
"""Of processor time: every worker compiles it."""


def try_rule(rule: AddRule, bounds: Rules) -> None:
    """See that a rule can be put in force.

    Raises:
        OrderError: it cannot be compiled, or takes too long; the message says why.
    """
    from guard.ruleset.bundle import BundleError, load
    from guard.ruleset.emergency import with_added

    text = rule.regex if rule.regex is not None else rule.literal
    assert text is not None
    where = "literal" if rule.regex is None else "regex"
    began = thread_time()
    added = AddedRule(rule.id, rule.target, text, rule.regex is not None, rule.shadow)
    try:
        with_added(load(None, engine=bounds.engine), [added], engine=bounds.engine, hold_back=bounds.hold_back)
    except BundleError as error:
        raise OrderError(where, "\n".join(f"{one.field or 'rule'}: {one.why}" for one in error.errors)) from None
    took = thread_time() - began
    if took > MOST_SECONDS:
        raise OrderError(
            where,
            f"it takes {took:.2g} s to compile, and every worker has to",
            f"at most {MOST_SECONDS:g} s; what is in a folder of rules is compiled once for all: `guard rules push`",
        )


def rule_id(target: str, kind: str, text: str) -> str:
    """The id of a rule that was given none: the same for the same rule."""
    return f"added-{sha256(f'{target} {kind} {text}'.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"
