"""Telling of faults once."""

import logging

from guard.faults import Faults

logger = logging.getLogger("guard.test")


def test_a_fault_is_told_when_it_begins_changes_and_ends(caplog):
    """What goes on in the same way is not said again."""
    caplog.set_level("INFO", "guard.test")
    faults = Faults(logger)
    for what in ("full", "full", "gone", "gone"):
        faults.tell("a disk", what)
    faults.over("a disk")
    faults.over("a disk")
    faults.tell("a disk", "gone")
    assert [record.message for record in caplog.records] == [
        "a disk: full", "a disk: gone", "a disk: it goes on", "a disk: gone",
    ]  # fmt: skip


def test_each_has_faults_of_its_own(caplog):
    """The same fault in two places is told twice."""
    faults = Faults(logger)
    faults.tell("one", "x")
    faults.tell("other", "x")
    assert len(caplog.records) == 2
