"""What becomes of each model's requests, by the configuration and what was ordered."""

from __future__ import annotations

from typing import Any

from guard.config import Config
from guard.measures import Measures


def shown(config: Config, measures: Measures) -> list[dict[str, Any]]:
    """Each model: the version that is asked first, those that may follow, and whether anybody gets to it."""
    rows = []
    for name, model in config.models.items():
        named = measures.active_version(name)
        active = named if named in model.versions else model.active
        fallback = [version for version in model.fallback if version != active]
        access = measures.access(name)
        gone = {"isolated": access != "online", "offline": access == "offline"}
        rows.append({"model": name, "active": active, "fallback": fallback, **gone})
    return rows
