"""Rules that are to be added, compiled as the workers will."""

from __future__ import annotations

from hashlib import sha256

from guard.changes import AddRule
from guard.config import Rules
from guard.control.errors import OrderError
from guard.measures import AddedRule


def try_rule(rule: AddRule, bounds: Rules) -> None:
    """See that a rule can be put in force.

    Raises:
        OrderError: it cannot be compiled; the message says why.
    """
    from guard.ruleset.bundle import BundleError, load
    from guard.ruleset.emergency import with_added

    text = rule.regex if rule.regex is not None else rule.literal
    assert text is not None
    added = AddedRule(rule.id, rule.target, text, rule.regex is not None, rule.shadow)
    try:
        with_added(load(None, engine=bounds.engine), [added], engine=bounds.engine, hold_back=bounds.hold_back)
    except BundleError as error:
        where = "literal" if rule.regex is None else "regex"
        raise OrderError(where, "\n".join(f"{one.field or 'rule'}: {one.why}" for one in error.errors)) from None


def rule_id(target: str, kind: str, text: str) -> str:
    """The id of a rule that was given none: the same for the same rule."""
    return f"added-{sha256(f'{target} {kind} {text}'.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"
