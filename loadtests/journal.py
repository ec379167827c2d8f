"""All that a journal has, for what counts it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson

from guard.evidence.source import lines, readable_logs, sources

CHUNK_BYTES = 4_194_304


def records(journal: Path) -> Iterator[dict[str, Any]]:
    """What every log of the workers has, of its plain and its sealed segments; what does not count is left out."""
    for source in (one for log in readable_logs(journal) for one in sources(journal, log)):
        with source.open() as content:
            places = content.cuts(CHUNK_BYTES)
            found = [line for start, stop in pairwise(places) for line in lines(content, start, stop).lines]
        for line in found:
            with suppress(orjson.JSONDecodeError):
                record = orjson.loads(line)
                if source.counts(record["seq"]):
                    yield record
