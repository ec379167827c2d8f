"""How far each log has come, for those of the keeper's parts that wait for another: numbers of records."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from guard.proof.tree import Range


@dataclass
class Standing:
    """By log: records before number `durable` are on disk; a checkpoint is signed for those before `signed`; those
    before `shipped` have reached the sink; and the tree of all records before a segment, by its first record's number,
    for segments that were begun while this keeper followed. Each is written by one thread and read by others.

    `quiet` is set while no log is being followed: work that can wait does so, for on a busy core it would make
    checkpoints late.
    """

    durable: dict[str, int] = field(default_factory=dict)
    signed: dict[str, int] = field(default_factory=dict)
    shipped: dict[str, int] = field(default_factory=dict)
    trees: dict[str, dict[int, Range]] = field(default_factory=dict)
    quiet: threading.Event = field(default_factory=threading.Event)
