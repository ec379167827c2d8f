"""Waiting for workers."""

from guard.control.force import in_force, patience_for
from guard.custody.workers import Running, acknowledge
from guard.journal.slot import claim


def test_patience_ends(tmp_path):
    """Those that are late then are told; those that could not, where it is about rules."""
    journal = tmp_path / "journal"
    assert in_force(tmp_path, journal, 7, {"block"}, 0.0).workers == 0
    with claim(journal), claim(journal), claim(journal):
        acknowledge(tmp_path, Running("w1", 1, 7, 7, waits="0" * 64))
        acknowledge(tmp_path, Running("w2", 2, 6, 6))
        acknowledge(tmp_path, Running("w3", 3, 7, 7, "cannot"))
        block, rule, push = (
            in_force(tmp_path, journal, 7, {kind}, 0.05) for kind in ("block", "add-rule", "push-rules")
        )
    assert block.seconds >= 0.05
    assert [(found.workers, [one.log for one in found.late]) for found in (block, rule, push)] == [
        (3, ["w2"]),
        (3, ["w2", "w3"]),
        (3, ["w1", "w2", "w3"]),
    ]
    assert rule.late[1].fault == "cannot"


def test_more_takes_longer():
    """Patience is for what there is to do."""
    assert patience_for({"block"}, 1) < patience_for({"block"}, 100_000) < patience_for({"push-rules"}, 1)
