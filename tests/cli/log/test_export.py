"""`guard log export`."""

import hashlib
import json

import pytest
from click.testing import CliRunner

from guard.cli import main
from guard.custody.control import changes
from tests.cli.running import configure, exchange, record


@pytest.fixture
def config(tmp_path):
    """A configuration with a journal of two exchanges."""
    record(tmp_path, *exchange("id-1", 1), *exchange("id-2", 2))
    return configure(tmp_path)


def export(tmp_path, *arguments):
    """Run `guard log export` into a file."""
    return CliRunner().invoke(main, ["log", "export", *arguments, "--output", str(tmp_path / "out")])


def test_export_is_recorded(config, tmp_path):
    """What was taken out of the journal, by whom and what for, is in the control log with the file's hash."""
    told = export(
        tmp_path, "hello", "--since", "1970-01-01T00:00:02", "--purpose", "for the lawyers", "--incident", "I-1",
        "--actor", "ann", "--config", config, "--json",
    )  # fmt: skip
    digest = hashlib.sha256((tmp_path / "out").read_bytes()).hexdigest()
    size = (tmp_path / "out").stat().st_size
    assert json.loads(told.stdout) == {
        "file": str(tmp_path / "out"), "format": "jsonl", "exchanges": 1, "bytes": size, "sha256": digest,
    }  # fmt: skip
    [change] = changes(tmp_path / "var" / "journal")
    assert (change["actor"], change["reason"], change["incident"]) == ("ann", "for the lawyers", "I-1")
    assert change["change"] == {
        "type": "export", "format": "jsonl", "file": str(tmp_path / "out"), "filters": {"text": "hello", "since": 2.0},
        "exchanges": 1, "bytes": size, "sha256": digest,
    }  # fmt: skip


def test_parquet_is_told_to_people(config, tmp_path):
    """A line says how many exchanges are where."""
    result = export(tmp_path, "--format", "parquet", "--config", config)
    assert result.stdout.startswith(f"2 exchanges in {tmp_path / 'out'}, SHA-256 ")
    assert (tmp_path / "out").read_bytes().startswith(b"PAR1")


@pytest.mark.usefixtures("config")
def test_copies_can_be_left_alone(tmp_path):
    """With --unrecorded nothing is written into the journal."""
    journal = tmp_path / "var" / "journal"
    assert export(tmp_path, "--journal", str(journal), "--unrecorded").exit_code == 0
    assert [path.name for path in journal.iterdir()] == ["w1"]


def test_what_cannot_be_recorded_is_not_exported(config, tmp_path):
    """If the control log is damaged nothing leaves the journal."""
    control = tmp_path / "var" / "journal" / "control"
    control.mkdir()
    (control / f"{0:016d}.jsonl").write_text("damage\n")
    result = export(tmp_path, "--config", config)
    assert result.exit_code == 1
    assert "nothing was exported" in result.stderr
    assert not (tmp_path / "out").exists()


def test_files_are_not_replaced(config, tmp_path):
    """A file that is there is trouble."""
    (tmp_path / "out").write_text("mine")
    result = export(tmp_path, "--config", config)
    assert result.exit_code == 1
    assert result.stderr == f"guard: {tmp_path}/out: is there already, and is not replaced\n"


def test_a_folder_that_is_not_there_is_told(config, tmp_path):
    """Before anything is read, and by its own name."""
    result = export(tmp_path / "none", "--config", config)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"guard: there is no folder {tmp_path}/none; ")
