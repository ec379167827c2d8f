"""A journal to tamper with: several logs, with segments that were deleted, sealed, finished and are written to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import orjson

from guard.journal.chain import BEGINNING, Position, bind, link
from guard.journal.folder import PLAIN, Segment, segments
from guard.proof.keys import for_log
from guard.proof.note import Verifier
from tests.support.sealing import delete, seal_all, sign_checkpoint, signer

LOGS = ("w1", "w2", "w3", "control")
SEALED, DELETED, PLAINS = 5, 2, 3
"""How many segments of each log are sealed, how many of these deleted, and how many are plain."""
FRAME_BYTES = 2_048


class Specimen(NamedTuple):
    """A journal that is sound, what was kept of it elsewhere, and each log's checkpoints from before."""

    journal: Path
    keys: list[Verifier]
    kept: bytes
    older: dict[str, list[tuple[int, bytes]]]

    def keys_of(self, log: str) -> list[Verifier]:
        """Those that a log's statements are verified by."""
        return for_log(self.keys, log)


def specimen(journal: Path, records: int, seed: int) -> Specimen:
    """Write one with about so many records."""
    rng = Random(seed)
    each = max(records // len(LOGS) // (SEALED + PLAINS), 4)
    kept, older = b"", {}
    for log in LOGS:
        ends = _write(journal, log, each, rng)
        for segment in segments(journal, log)[:DELETED]:
            delete(segment)
        older[log] = [(size, sign_checkpoint(journal, log, size)) for size in ends[SEALED:]]
        kept += sign_checkpoint(journal, log)
    return Specimen(journal, [signer("w1").verifier], kept, older)


def _write(journal: Path, log: str, each: int, rng: Random) -> list[int]:
    """A log whose writer crashed now and then, or met an error; gives where segments end."""
    (journal / log).mkdir(parents=True)
    after, torn, why, ends = BEGINNING, b"", "start", []
    for number in range(SEALED + PLAINS):
        if number == SEALED + 1:
            seal_all(journal, log, FRAME_BYTES)
        head = {"kind": "segment", "at": 1_000.0, "log": log, "after": why, "torn": len(torn) if why == "crash" else 0}
        lines, position = bind([orjson.dumps(head), *_records(rng, rng.randint(each // 2, each * 3 // 2))], after)
        torn, why = b"", "rotation"
        if number < SEALED + PLAINS - 1 and rng.random() < 0.3:
            torn, why = _behind(rng, position)
        (journal / log / f"{after.seq:016d}{PLAIN}").write_bytes(lines + torn)
        after = position
        ends.append(after.seq)
    return ends


def _behind(rng: Random, position: Position) -> tuple[bytes, str]:
    """What a crash leaves at a file's end, or records that were written again after an error; and which it was."""
    line, _ = link(next(_records(rng, 1)), position)
    if rng.random() < 0.5:
        return line[: rng.randrange(1, len(line))], "crash"
    return line, "failure"


def _records(rng: Random, count: int) -> Iterator[bytes]:
    for _ in range(count):
        record: dict[str, Any] = {"kind": "prompt", "id": f"{rng.getrandbits(64):x}", "at": 1_000 + rng.random() * 1e6}
        yield orjson.dumps({**record, "prompt": [" ".join(rng.choices(WORDS, k=rng.randint(0, 30)))]})


WORDS = ("what", "the", "model", "said", "about", "who", "asked", "für", "日本", "and", "why", "\\u0000", "{}", "==")


def counted(segment: Segment, following: Segment | None) -> list[bytes]:
    """The lines of a plain segment that count."""
    *lines, _ = segment.path(PLAIN).read_bytes().split(b"\n")
    return [line + b"\n" for line in lines[: following.base - segment.base if following else None]]
