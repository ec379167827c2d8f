"""What verifying found, as values."""

from guard.archive.damage import Problem
from guard.evidence.verify.report import LogReport, Report, ordered


def test_the_first_bad_record_comes_first():
    """Problems are told log by log as the logs stand, then by record; logs that are gone come last."""
    problems = [Problem("w9", "gone"), Problem("w10", "x", 4), Problem("w2", "x", 9), Problem("w2", "x", 3)]
    found = ordered(problems, ["w2", "w10"])
    assert [(one.log, one.seq) for one in found] == [("w2", 3), ("w2", 9), ("w10", 4), ("w9", None)]


def test_a_report_is_json():
    """Everything is in the document under its name."""
    log = LogReport("w1", 3, 1, 4, 4, 1, 2, 1, None)
    report = Report((log,), (Problem("w1", "odd", 2, "w1/1.jsonl", 5, 1),), ("a note",))
    assert not report.sound
    assert report.document() == {
        "sound": False,
        "logs": [
            {
                "log": "w1", "records": 3, "first": 1, "end": 4, "whole": 4, "deleted": 1, "segments": 2, "sealed": 1,
                "checkpoint": None,
            }
        ],
        "problems": [
            {"log": "w1", "reason": "odd", "seq": 2, "file": "w1/1.jsonl", "offset": 5, "line": 1},
        ],
        "notes": ["a note"],
    }  # fmt: skip
