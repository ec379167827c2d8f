"""`guard log search`."""

import json

import pytest
from click.testing import CliRunner

from guard.cli import main
from guard.evidence.reader import find
from tests.cli.running import exchange
from tests.support.journals import Log


def search(journal, *arguments):
    """Run `guard log search`."""
    return CliRunner().invoke(main, ["log", "search", *arguments, "--journal", str(journal)])


@pytest.fixture
def journal(tmp_path):
    """Two logs, whose exchanges took turns."""
    for name, numbers in (("w1", (1, 4, 5)), ("w2", (2, 3, 6))):
        Log(tmp_path, name).add(*(line for number in numbers for line in exchange(f"id-{number}", number)))
    return tmp_path


def test_lines_come_by_time(journal):
    """One line each, as `tail` prints them, by the time they began, from whichever log."""
    lines = search(journal, "hello").stdout.splitlines()
    assert [line.split("  ")[1] for line in lines] == [f"id-{number}" for number in range(1, 7)]
    assert lines[0] == "1970-01-01 00:00:01.000Z  id-1  web@192.0.2.1  chat/v1  200  complete  2ms  hello"


def test_json_is_whole_exchanges(journal):
    """With --json each line is what `show --json` prints."""
    lines = search(journal, "--id", "id-3", "--json").stdout.splitlines()
    assert [json.loads(line) for line in lines] == [find(journal, "id-3")]


def test_limit_is_the_newest(journal):
    """With a limit these are the newest, by time."""
    lines = search(journal, "--limit", "2", "--json").stdout.splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["id-5", "id-6"]


@pytest.mark.parametrize("record", [{"client": 7}, {"prompt": 7}, {"findings": [7]}, {"at": "x"}, {"request": []}])
@pytest.mark.parametrize("command", [("search",), ("search", "x"), ("stats",), ("tail",), ("show", "odd")])
def test_hostile_shapes_are_told(journal, record, command):
    """A record of another shape is left out with a note, whatever reads it, and the rest is there."""
    start, end = exchange("odd", 9)
    Log(journal).add({**start, **record}, end)
    result = CliRunner().invoke(main, ["log", *command, "--journal", str(journal)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "the exchange odd is left out" in result.stderr or command == ("search", "x")
