"""Journals written without a worker, for tests of what reads them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import orjson

from guard.archive.opening import segment_lines
from guard.journal.chain import BEGINNING, Position, leaf, link, split
from guard.journal.folder import segments


def write_segment(
    journal: Path,
    records: Iterable[Mapping[str, Any]],
    *,
    log: str = "w1",
    after: Position = BEGINNING,
    at: float = 1_000.0,
    why: str = "start",
    torn: bytes = b"",
) -> Position:
    """Write one segment with its first record, and `torn` behind the last; returns where the log goes on.

    It has its content before it has its name, as the guard's own.
    """
    (journal / log).mkdir(parents=True, exist_ok=True)
    head = {"kind": "segment", "at": at, "log": log, "node": "node", "pid": 1, "software": "0", "after": why}
    path = journal / log / f"{after.seq:016d}.jsonl"
    draft = journal / log / "next"
    with draft.open("xb") as file:
        for record in (head, *records):
            line, after = link(orjson.dumps(record), after)
            file.write(line)
        file.write(torn)
    os.link(draft, path)
    draft.unlink()
    return after


class Log:
    """A log that a test writes as it goes on; one that is there already, in one segment, is gone on with."""

    def __init__(self, journal: Path, name: str = "w1") -> None:
        self.journal = journal
        self.name = name
        self.path = journal / name / f"{0:016d}.jsonl"
        self.positions = [BEGINNING]
        for line in self.path.read_bytes().splitlines() if self.path.exists() else ():
            entry = split(line)
            assert entry is not None
            self.positions.append(Position(entry.seq + 1, entry.chain))

    def add(self, *records: Mapping[str, Any] | bytes) -> None:
        """Append records, or lines as they are."""
        if not self.path.exists():
            self.positions.append(write_segment(self.journal, [], log=self.name))
        with self.path.open("ab") as file:
            for record in records:
                if isinstance(record, bytes):
                    file.write(record)
                    continue
                line, after = link(orjson.dumps(record), self.positions[-1])
                self.positions.append(after)
                file.write(line)

    def rotate(self, *, back: int = 0, at: float = 1_000.0, why: str = "rotation") -> None:
        """Begin the next segment, where the last `back` records are to be written again."""
        del self.positions[len(self.positions) - back :]
        after = self.positions[-1]
        self.path = self.journal / self.name / f"{after.seq:016d}.jsonl"
        self.positions.append(write_segment(self.journal, [], log=self.name, after=after, at=at, why=why))


def exchange(id: str, at: float = 1_000.0, prompt: str = "Hello?", output: str = "Hello!") -> list[dict[str, Any]]:
    """The two records of an answered request, as a worker writes them."""
    client = {"address": "203.0.113.5", "key": None, "certificate": None, "account": None, "name": None}
    return [
        {
            "kind": "prompt", "id": id, "at": at, "client": client, "route": "/v1/", "model": "chat", "policy": 1,
            "request": {"method": "POST", "path": "/v1/chat/completions", "body": prompt}, "prompt": [prompt],
            "findings": [],
        },
        {
            "kind": "outcome", "id": id, "version": "v2",
            "attempts": [{"version": "v2", "status": 200, "error": None, "ms": 1.5}],
            "response": {"status": 200, "body": output}, "output": [output],
            "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}, "confidence": None, "findings": [],
            "timings": {"total_us": 2_000, "upstream_us": 1_500, "overhead_us": 200, "first_byte_us": 1_900},
            "end": "complete", "reason": None,
        },
    ]  # fmt: skip


def records(journal: Path, log: str = "w1") -> list[dict[str, Any]]:
    """All records of a log that count, its own included; each is held against the one before it."""
    found: list[dict[str, Any]] = []
    at = BEGINNING
    places = segments(journal, log)
    for place, after in zip_longest(places, places[1:]):
        assert place.base == at.seq
        for line in segment_lines(place):
            entry = split(line) if line.endswith(b"\n") else None
            if entry is None or (after is not None and entry.seq >= after.base):
                break
            assert entry.seq == at.seq
            assert entry.chain == leaf(at.chain, entry.data)
            at = Position(entry.seq + 1, entry.chain)
            found.append(orjson.loads(line))
    return found


def lines(journal: Path, log: str = "w1") -> list[Any]:
    """What the records that a test wrote have as their ``line``."""
    return [record["line"] for record in records(journal, log) if record["kind"] == "test"]
