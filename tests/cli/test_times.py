"""Times as people write them."""

from time import time

import click
import pytest
from click.testing import CliRunner

from guard.cli import main
from guard.cli.times import DURATION, WHEN, parse, shown, spelled
from tests.cli.running import configure


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("1.5min", 90), ("30m", 1_800), ("2h", 7_200), ("7d", 604_800), ("1w", 604_800)]
)
def test_how_long_ago(text, seconds):
    """A number with a unit is so long before now."""
    moment = parse(text)
    assert moment is not None
    assert abs(time() - seconds - moment) < 5


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01T12:00:00Z", 1_772_366_400.0),
        ("2026-03-01T13:00:00+01:00", 1_772_366_400.0),
        ("2026-03-01", 1_772_323_200.0),
        ("2026-03-01 12:00", 1_772_366_400.0),
        ("1772366400", 1_772_366_400.0),
        ("1772366400.5", 1_772_366_400.5),
        ("2h ago", None),
        ("-5s", None),
        ("yesterday", None),
        ("2026-13-01", None),
        ("", None),
        ("5", None),
    ],
)
def test_points_in_time(text, moment):
    """ISO 8601 and seconds since the epoch are times; other words are none."""
    assert parse(text) == moment


def test_a_value_that_is_a_time_already_stays():
    """A default of a number is taken as it is."""
    assert WHEN.convert(5, None, None) == 5.0


def test_what_is_no_time_is_told(tmp_path):
    """The error says what was expected."""
    arguments = ["log", "hold", "--incident", "I", "--reason", "r", "--since", "noon", "--config", configure(tmp_path)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "'noon' is no time; expected 30s, 15m" in result.stderr


@pytest.mark.parametrize(("moment", "text"), [(None, ""), (0.0, "1970-01-01T00:00:00Z"), (1e30, "1e+30")])
def test_shown(moment, text):
    """Times are shown in UTC; one beyond all calendars as a number."""
    assert shown(moment) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(3_600.0, "1h"), (129_600.0, "36h"), (90.0, "90s"), (0.5, "0.5s"), (1_209_600.0, "2w")]
)
def test_spelled(seconds, text):
    """A duration is written in the largest unit that it is a whole number of."""
    assert spelled(seconds) == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("-5m", "is no duration; expected"),
        ("5", "is no duration; expected"),
        ("0s", "is too short: it must be longer than 0 s"),
        ("0.0d", "is too short: it must be longer than 0 s"),
        ("36501d", "is too long: the longest is 36500d"),
        ("99999999999d", "is too long: the longest is 36500d"),
        ("9" * 400 + "d", "is too long: the longest is 36500d"),
    ],
)
def test_what_is_no_duration_is_told(text, told):
    """As is what nobody means, with what would be right."""
    with pytest.raises(click.UsageError, match=told):
        DURATION.convert(text, None, None)


def test_the_longest_duration_is_one():
    """What the error names is taken."""
    assert DURATION.convert("36500d", None, None) == 3_153_600_000.0
