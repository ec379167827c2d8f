"""`guard log hold`."""

import json

import pytest
from click.testing import CliRunner

from guard.cli import main
from guard.custody.control import changes
from tests.cli.running import configure
from tests.support.journals import write_segment


def run(tmp_path, *arguments):
    """Run `guard log …` with a configuration that has a journal with the log w1."""
    journal = tmp_path / "var" / "journal"
    if not journal.exists():
        write_segment(journal, [])
    return CliRunner().invoke(main, ["log", *arguments, "--config", configure(tmp_path)])


def test_a_hold_is_a_change(tmp_path):
    """It is in the control log with its bounds, who asked for it and why."""
    result = run(
        tmp_path, "hold", "--incident", "INC-7", "--reason", "leak", "--since", "1772366400", "--log", "w1",
        "--actor", "ann", "--json",
    )  # fmt: skip
    (record,) = changes(tmp_path / "var" / "journal")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {key: value for key, value in record.items() if key != "chain"}
    assert (record["actor"], record["reason"], record["incident"]) == ("ann", "leak", "INC-7")
    assert record["change"] == {"type": "hold", "log": "w1", "since": 1_772_366_400.0, "until": None}


def test_people_are_told_how_to_end_it(tmp_path):
    """Without --json two lines say what is held, and how it ends."""
    result = run(tmp_path, "hold", "--incident", "INC 7", "--reason", "leak", "--since", "1772366400", "--log", "w1")
    assert result.stdout == (
        "held for INC 7: w1, from 2026-03-01T12:00:00Z to any time\n"
        "until `guard log release --incident 'INC 7' --reason …`\n"
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--log", "w9"], "there is no log w9"),
        (["--since", "1772366401", "--until", "1772366400"], "--since is the later one"),
    ],
)
def test_a_hold_of_nothing_is_trouble(tmp_path, arguments, told):
    """A hold that would cover nothing is not written down."""
    result = run(tmp_path, "hold", "--incident", "INC-7", "--reason", "leak", *arguments)
    assert result.exit_code == 1
    assert told in result.stderr
    assert list(changes(tmp_path / "var" / "journal")) == []


def test_a_control_log_that_cannot_be_written_is_trouble(tmp_path):
    """A damaged control log is told in a line."""
    (tmp_path / "var" / "journal" / "control").mkdir(parents=True)
    (tmp_path / "var" / "journal" / "control" / f"{0:016d}.jsonl").write_text("nothing\n")
    result = run(tmp_path, "hold", "--incident", "INC-7", "--reason", "leak")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "does not begin with the record 0" in result.stderr


def test_an_incident_has_a_name(tmp_path):
    """A hold of no incident could not be told from others, or released."""
    result = run(tmp_path, "hold", "--incident", " ", "--reason", "leak")
    assert result.exit_code == 2
    assert "'--incident': it is empty" in result.stderr


def test_a_full_disk_is_told(tmp_path, monkeypatch):
    """Whoever could not hold knows that nothing is held, and where there is no room."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("guard.custody.control.append", full)
    result = run(tmp_path, "hold", "--incident", "INC-7", "--reason", "leak")
    assert result.exit_code == 1
    assert result.stderr == (
        f"guard: the control log in {tmp_path}/var/journal cannot be written, so that nothing has changed: "
        "no space left on device\n"
    )
