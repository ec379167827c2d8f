"""`guard log checkpoint`."""

import json

import pytest
from click.testing import CliRunner

from guard.cli import main
from guard.evidence.verify import outside
from tests.cli.running import configure
from tests.support.sealing import sign_checkpoint, write_log


def checkpoint(path, *arguments):
    """Run `guard log checkpoint`."""
    return CliRunner().invoke(main, ["log", "checkpoint", *arguments, "--config", path])


@pytest.fixture
def path(tmp_path):
    """A configuration whose journal has two logs with checkpoints."""
    for log in ("w1", "control"):
        write_log(tmp_path / "var" / "journal", [3], log=log)
        sign_checkpoint(tmp_path / "var" / "journal", log)
    return configure(tmp_path)


def test_what_is_printed_can_be_kept(path, tmp_path):
    """The notes as they are signed, one after the other, as `verify --checkpoint` reads them; or only one log's."""
    printed = checkpoint(path).stdout_bytes
    assert [one.log for one in outside("kept", printed)] == ["w1", "control"]
    note = (tmp_path / "var" / "journal" / "w1" / "checkpoint").read_bytes()
    assert checkpoint(path, "w1").stdout_bytes == note


def test_json_has_what_it_says(path):
    """Size and root beside the note itself."""
    (found,) = json.loads(checkpoint(path, "w1", "--json").stdout)
    assert (found["log"], found["origin"], found["size"]) == ("w1", "node-3f2a/w1", 4)
    assert found["note"].startswith(f"node-3f2a/w1\n4\n{found['root']}\n\n— node-3f2a/w1 ")


def test_trouble_is_told(path, tmp_path):
    """A log that is not there, a damaged checkpoint, and none at all."""
    assert checkpoint(path, "w9").stderr == "guard: there is no log w9; there are: w1, control\n"
    folder = tmp_path / "var" / "journal"
    (folder / "w1" / "checkpoint").write_text("odd\n")
    assert "the checkpoint of w1 is damaged" in checkpoint(path, "--json").stderr
    for log in ("w1", "control"):
        (folder / log / "checkpoint").unlink()
    result = checkpoint(path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "there is no checkpoint yet" in result.stderr
