"""Where a measure comes from, as it is told."""

from __future__ import annotations

from typing import Any

from guard.custody.measures import Measure

NAMES = ("version", "at", "actor", "reason", "incident", "expires")


def provenance(measure: Measure) -> dict[str, Any]:
    """The version that it came with, when, by whom, why, for what incident, and until when."""
    return {name: getattr(measure, name) for name in NAMES}
