"""A log that grows record by record, as a worker writes it, for tests of who follows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from guard.journal.chain import BEGINNING, Position, link, split


class Growing:
    """Writes records and segments; knows the chains of those that count."""

    def __init__(self, journal: Path, log: str = "w1") -> None:
        self.folder = journal / log
        self.log = log
        self.folder.mkdir(parents=True, exist_ok=True)
        self.position = BEGINNING
        self.chains: list[bytes] = []
        self.path = self.begin("start")

    def begin(self, after: str = "rotation", place: Position | None = None, **more: Any) -> Path:
        """A new segment; `place` before the end: what is there is written again."""
        if place is not None:
            self.position = place
            del self.chains[place.seq :]
        self.path = self.folder / f"{self.position.seq:016d}.jsonl"
        assert not self.path.exists()
        self.add({"kind": "segment", "at": 1_000.0, "log": self.log, "node": "n", "after": after, **more})
        return self.path

    def add(self, *records: dict[str, Any]) -> None:
        """Append records."""
        with self.path.open("ab") as file:
            for record in records:
                line, self.position = link(orjson.dumps(record), self.position)
                self.chains.append(self.position.chain)
                file.write(line)

    def prompts(self, count: int, at: float = 1_000.0) -> None:
        """Append so many records that are no marks."""
        first = self.position.seq
        self.add(*({"kind": "prompt", "id": f"{self.log}-{first + n}", "at": at} for n in range(count)))

    def mark(self, durable: int | None = None) -> None:
        """Append a mark; by default for all that is there."""
        self.add({"kind": "mark", "at": 1_000.0, "durable": self.position.seq - 1 if durable is None else durable})

    def raw(self, data: bytes) -> None:
        """Append bytes that are no record."""
        with self.path.open("ab") as file:
            file.write(data)

    def at(self, seq: int) -> Position:
        """The place of a record."""
        return Position(seq, self.chains[seq - 1]) if seq else BEGINNING


def reopened(journal: Path, log: str) -> list[int]:
    """The numbers of all lines of a log that are records, as they stand in its plain files."""
    lines = (line for path in sorted((journal / log).glob("*.jsonl")) for line in path.read_bytes().splitlines())
    return [entry.seq for entry in map(split, lines) if entry is not None]
