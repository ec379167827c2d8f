"""How far each log has come, for those of the keeper's parts that wait for another: numbers of records."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Standing:
    """By log: records before number `durable` are on disk; a checkpoint is signed for those before `signed`; those
    before `shipped` have reached the sink. Each is written by one thread and read by others.
    """

    durable: dict[str, int] = field(default_factory=dict)
    signed: dict[str, int] = field(default_factory=dict)
    shipped: dict[str, int] = field(default_factory=dict)
