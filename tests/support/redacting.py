"""Secrets as a policy and a request have them, for tests of what is not written down."""

from __future__ import annotations

from typing import Any

from guard.config import Redact
from guard.redaction.rules import Field, Redaction, Rules, tokens_of
from guard.redaction.secrets import Secrets
from guard.ruleset.redactor import compiled, spotter

KEY = "sk-test-0123456789abcdef"
MARK = "[key:fingerprint]"
EMAIL = r"[a-z.]+@[a-z]+\.[a-z]{2,}"


def rules(*entries: tuple[str, str]) -> Rules:
    """Rules by kind; what begins with a slash is a field, anything else a pattern."""
    told = [
        Redact(name=name, field=value) if value.startswith("/") else Redact(name=name, pattern=value)
        for name, value in entries
    ]
    names = [one.name for one in told if one.pattern is not None]
    fields = [Field(one.name, tokens_of(one.field)) for one in told if one.field is not None]
    return Rules(names, compiled(told), fields, bytes(32))


def secrets(*keys: str, rules: Rules | None = None, configured: tuple[str, ...] = (), many: bool = False) -> Secrets:
    """What is kept secret of a request that shows `keys`; `many`: the configured ones are looked for in one pass."""
    redaction = Redaction(configured, spotter(configured) if many else None, rules)
    return Secrets(1, list(keys), redaction, lambda _key: "fingerprint")


def record(**parts: Any) -> dict[str, Any]:
    """An outcome of a refused request, as far as it matters here."""
    return {
        "kind": "outcome", "id": "1", "request": {"method": "POST", "path": "/v1/x", "body": None}, "prompt": [],
        "attempts": [], "response": {"status": 200, "body": None}, "output": [], "reason": None, **parts,
    }  # fmt: skip
