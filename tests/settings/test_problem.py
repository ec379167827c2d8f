"""Problems and the report that collects them."""

import pytest

from guard.settings.problem import Problem, Report, SettingsError, dotted, shown


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("a",), "a"),
        (("a", "b", 0, "c"), "a.b[0].c"),
        (("a", "\x1b[2J"), 'a."\\u001b[2J"'),
        (("", "a"), '"".a'),
    ],
)
def test_paths_are_dotted(path, text):
    """A path is written as people write it, and a key that would not show is quoted."""
    assert dotted(path) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "nothing"),
        ({"a": 1}, "a mapping"),
        ([1], "a list"),
        (True, "true"),
        ("a\x1b\nb", '"a\\u001b\\nb"'),
        ("x" * 100, '"' + "x" * 58 + "…"),
    ],
)
def test_values_are_shown_on_one_line(value, text):
    """A value in an error is short and cannot touch the terminal."""
    assert shown(value) == text


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("f", 3, "a.b", "got 1", "2"), "f:3: a.b: got 1; expected 2"),
        (Problem("f", None, "", "gone", "a file"), "f: gone; expected a file"),
    ],
)
def test_problem_is_one_line(problem, text):
    """A problem says file, line, path, what is wrong and what was expected."""
    assert str(problem) == text


def test_line_is_that_of_the_nearest_value():
    """What is missing is told at the line of what it is missing from."""
    report = Report("f")
    report.lines = {(): 1, ("a",): 4}
    report.add(("a", "b", 0), "x", "y")
    assert report.problems[0].line == 4


def test_checks_leave_wrong_values_alone():
    """A check of a value that is wrong already, or stands inside of one, tells nothing."""
    report = Report("f")
    report.add(("a",), "x", "y")
    report.check(False, ("a",), "again", "y")
    report.check(False, ("a", "b"), "again", "y")
    report.check(True, ("c",), "right", "y")
    report.check(False, ("c",), "wrong", "y")
    assert [problem.wrong for problem in report.problems] == ["x", "wrong"]


def test_failure_keeps_what_was_found():
    """Giving up raises everything found so far, in the order of lines."""
    report = Report("f")
    report.note(("a",), "second", "y", 9)
    with pytest.raises(SettingsError) as caught:
        report.fail((), "first", "y", 2)
    assert [error.wrong for error in caught.value.errors] == ["first", "second"]
