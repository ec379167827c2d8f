"""Faults of the journal's disk: one that costs no root, on a real guard, and that a bad outcome would be seen."""

import pytest

from loadtests.faults import _wrong, loaded


async def test_a_world_without_a_fault_is_well(tmp_path):
    """Clients are answered, probes and blocked callers too, and no id is missing."""
    async with loaded(tmp_path, {}, 1_000) as world:
        await world.more(200, "an answer")
        await world.more(400, "a refusal")
        await world.until(lambda: len(world.memory) > 1, "probes")
    assert world.wrong == []
    assert world.ledger.missing(world.guard.journal) == set()


async def test_what_does_not_come_is_told(tmp_path):
    """Waiting for a status that never comes is a fault that is found."""
    async with loaded(tmp_path, {}, 1_000) as world:
        await world.more(503, "a refusal for no reason", seconds=0.1)
    assert "a refusal for no reason: not within 0.1 s" in world.wrong[0]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, []),
        ({"missing": 2}, ["2 ids"]),
        ({"memory_grew": 10**9}, ["memory"]),
        ({"slowest_probe": 1.5}, ["a probe"]),
    ],
)
def test_a_bad_report_says_what_is_wrong(change, says):
    """Missing ids, memory that grew, and probes that waited are told."""
    wrong = _wrong({"missing": 0, "memory_grew": 0, "slowest_probe": 0.1, **change})
    assert [line for line, word in zip(wrong, says, strict=True) if word not in line] == []
