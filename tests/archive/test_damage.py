"""How damage is told."""

import pickle

import pytest

from guard.archive.damage import Damage, Problem


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (Problem("w1", "it is odd"), "w1: it is odd"),
        (Problem("w1", "it is odd", 7), "w1/7: it is odd"),
        (Problem("w1", "it is odd", 7, "w1/0.jsonl", 12, 3), "w1/7: w1/0.jsonl, line 3, byte 12: it is odd"),
    ],
)
def test_a_problem_is_told_from_the_record_to_the_reason(problem, told):
    """Record, file, place and reason, as far as they are known."""
    assert str(problem) == str(Damage(problem)) == told


def test_damage_passes_between_processes():
    """It comes out of another process as it was."""
    damage = Damage(Problem("w1", "it is odd", 7))
    assert pickle.loads(pickle.dumps(damage)).problem == damage.problem
