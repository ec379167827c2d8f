"""`guard log tail`, and what it has in common with `guard log show`."""

import json
import signal

import pytest
from click.testing import CliRunner

from guard.cli import main
from guard.evidence.reader import find
from tests.cli.running import configure, exchange, first_line, record, started


def log(path, *arguments):
    """Run `guard log`."""
    return CliRunner().invoke(main, ["log", *arguments, "--config", path])


@pytest.fixture
def path(tmp_path):
    """A configuration whose journal has twelve exchanges, the last of them hostile."""
    for number in range(11):
        record(tmp_path, *exchange(f"id-{number:02}", number))
    record(tmp_path, *exchange("id-11", 11, prompt=["\x1b[2Jfirst", "last\r\u202e[red]\nline"]))
    return configure(tmp_path)


def test_tail_is_ten_lines(path):
    """The ten newest are told, a line each, the newest last."""
    lines = log(path, "tail").stdout.splitlines()
    assert [line.split("  ")[1] for line in lines] == [f"id-{number:02}" for number in range(2, 12)]
    expected = "1970-01-01 00:00:10.000Z  id-10  web@192.0.2.1  chat/v1  200  complete  2ms  hello"
    assert lines[-2] == expected


def test_tail_takes_a_number(path):
    """-n says how many."""
    assert len(log(path, "tail", "-n", "3").stdout.splitlines()) == 3
    assert log(path, "tail", "-n", "0").stdout == ""


def test_hostile_text_is_made_visible(path):
    """Nothing in a prompt acts on the terminal, on one line or on a page."""
    line = log(path, "tail", "-n", "1").stdout
    assert line.endswith("  last\\r\\u202e[red]\\nline\n")
    page = log(path, "show", "id-11").stdout
    assert "\\x1b[2Jfirst" in page
    assert "last\\r\\u202e[red]\nline" in page
    assert "\x1b" not in page


def test_json_is_exact(path, tmp_path):
    """With --json both print the joined object as the journal has it."""
    whole = find(tmp_path / "var" / "journal", "id-11")
    assert json.loads(log(path, "show", "id-11", "--json").stdout) == whole
    lines = log(path, "tail", "--json").stdout.splitlines()
    assert len(lines) == 10
    assert json.loads(lines[-1]) == whole


def test_torn_line_is_told_on_stderr(path, tmp_path):
    """A torn last line is told beside the result, which has everything else."""
    with (tmp_path / "var" / "journal" / "w1" / f"{0:016d}.jsonl").open("a") as file:
        file.write('{"kind":')
    result = log(path, "tail", "--json")
    assert len(result.stdout.splitlines()) == 10
    assert "guard: w1/0: its last line is unfinished" in result.stderr


def test_following_goes_on(path, tmp_path):
    """-f tells the newest, then each exchange as it ends, until Ctrl-C, which is exit code 130 and no traceback."""
    with started("log", "tail", "-f", "-n", "1", "--json", "--config", path) as process:
        assert first_line(process)["id"] == "id-11"
        record(tmp_path, *exchange("id-12", 12))
        assert first_line(process)["id"] == "id-12"
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        assert process.stderr is not None
        assert process.stderr.read() == "\n"
