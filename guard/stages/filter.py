"""Filter: match the prompt rules."""

from __future__ import annotations

from guard.exchange import Exchange
from guard.policy.meters import Meters
from guard.refusal import Refusal


def filter_prompt(exchange: Exchange, _meters: Meters) -> None:
    """Note every rule that matches; 400 when one of them is enforced and blocks."""
    prompt = exchange.prompt
    if prompt is None:
        return
    matched = exchange.policy.rules.prompt.scan("\n".join(prompt.texts + prompt.others))
    if matched:
        for rule in matched:
            exchange.note(rule.id, "prompt", rule.mode, rule.action)
        if any(rule.mode == "enforce" and rule.action == "block" for rule in matched):
            raise blocked("request")


def blocked(what: str) -> Refusal:
    """The refusal for a match. It names no rule: that would be a manual for getting around it."""
    return Refusal(400, "content_policy_violation", f"the {what} was refused by a content rule")
