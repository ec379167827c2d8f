"""Where a measure comes from, as callers see it."""

from __future__ import annotations

from typing import Any

from guard.admin.shapes import Provenance
from guard.custody.measures import Measure


def provenance(measure: Measure) -> dict[str, Any]:
    """The members of `Provenance`."""
    return {name: getattr(measure, name) for name in Provenance.__struct_fields__}
