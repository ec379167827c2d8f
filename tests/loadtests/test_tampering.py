"""Tampering with a journal: a small run, and that what is not found would be seen."""

import json

import pytest
from click.testing import CliRunner

from guard.archive.damage import Problem
from guard.evidence.verify import Report
from loadtests import tampering
from loadtests.tampered import Expected
from loadtests.tampering import TAMPERINGS, _misses, main


def test_every_way_of_tampering_is_found():
    """Each way once or twice, with the record named that it was done to."""
    result = CliRunner().invoke(main, ["--count", str(len(TAMPERINGS) + 4), "--records", "600", "--json"])
    report = json.loads(result.output)
    assert report["misses"] == []
    assert result.exit_code == 0
    assert len(report["kinds"]) == len(TAMPERINGS) >= 29


def test_what_is_not_found_is_told(monkeypatch):
    """A tampering that nothing is found of is a miss, and the run ends with 1."""
    monkeypatch.setattr(tampering, "TAMPERINGS", (lambda case: [Expected(case.log)],))
    result = CliRunner().invoke(main, ["--count", "2", "--records", "200"])
    assert result.exit_code == 1
    assert result.output.splitlines()[-1] == "2 misses"


@pytest.mark.parametrize(
    ("expected", "problems", "told"),
    [
        (Expected("w1", 3, 3), [Problem("w1", "x", 3)], []),
        (Expected("w1", 3, 5), [Problem("w1", "x", 4), Problem("w1", "x", 9)], []),
        (Expected("w1"), [Problem("w1", "x")], []),
        (Expected("w1"), [Problem("w2", "x")], ["w1: nothing was found"]),
        (Expected("w1", 3, 3), [Problem("w1", "x")], ["w1: record 3 should be named, and not: w1: x"]),
        (Expected("w1", 3, 5), [Problem("w1", "x", 2)], ["w1: record 3 to 5 should be named, and not: w1/2: x"]),
    ],
)
def test_the_right_record_must_be_named(expected, problems, told):
    """The first problem of the log counts, and only with a record where one is expected."""
    assert _misses([expected], Report((), tuple(problems), ())) == told
