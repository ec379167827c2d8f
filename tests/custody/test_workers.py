"""Which workers run, and what they have in force."""

from guard.custody.workers import Running, acknowledge, late, leave, running
from guard.journal.slot import claim


def test_only_those_that_run_are_told(tmp_path):
    """A worker that has ended, however it did, is none; one that says nothing is not counted."""
    journal = tmp_path / "journal"
    with claim(journal) as first, claim(journal) as second, claim(journal):
        for number, slot in enumerate((first, second)):
            acknowledge(tmp_path, Running(slot.log, number, number, number))
        assert running(tmp_path, journal) == [Running("w1", 0, 0, 0), Running("w2", 1, 1, 1)]
        acknowledge(tmp_path, Running("w2", 1, 7, 8))
        assert running(tmp_path, journal)[1] == Running("w2", 1, 7, 8)
        leave(tmp_path, "w1")
        leave(tmp_path, "w1")
        assert [one.log for one in running(tmp_path, journal)] == ["w2"]
    assert running(tmp_path, journal) == []


def test_what_is_no_word_of_a_worker_is_passed_over(tmp_path):
    """A file that is damaged, or another's, says nothing."""
    journal = tmp_path / "journal"
    with claim(journal), claim(journal):
        (tmp_path / "workers").mkdir()
        (tmp_path / "workers" / "w1.json").write_text("damaged")
        (tmp_path / "workers" / "w2.json").write_text('{"log":"w1","pid":1,"measures":1,"policy":1}')
        assert running(tmp_path, journal) == []


def test_who_is_late_is_told():
    """With what came before a version, and where it is about rules that were pushed, or only added, with those."""
    workers = [
        *(Running("w1", 1, 5, 5), Running("w2", 1, 4, 4), Running("w3", 1, 5, 5, waits="a")),
        *(Running("w4", 1, 5, 5, waits="added"), Running("w5", 1, 5, 5, waits="added a")),
    ]
    assert [one.log for one in late(workers, 5, {"block"})] == ["w2"]
    assert [one.log for one in late(workers, 5, {"add-rule"})] == ["w2", "w4", "w5"]
    assert [one.log for one in late(workers, 5, {"push-rules"})] == ["w2", "w3", "w4", "w5"]
