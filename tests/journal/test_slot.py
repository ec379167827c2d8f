"""A log has one writer."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from guard.journal.slot import claim, take
from tests.support.journals import write_segment

HOLD = """
import sys
from pathlib import Path
from guard.journal.slot import claim
print(claim(Path(sys.argv[1])).log, flush=True)
sys.stdin.read()
"""


def test_the_first_free_log_is_taken(tmp_path):
    """Each writer has a log of its own, and one that is given back is gone on with."""
    with claim(tmp_path) as first, claim(tmp_path) as second:
        assert (first.log, second.log) == ("w1", "w2")
        first.close()
        with claim(tmp_path) as third:
            assert third.log == "w1"
        first.close()


def test_a_process_that_is_killed_gives_its_log_back(tmp_path):
    """The lock is the process's: it ends with it, however it ends."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"w1\n"
        with claim(tmp_path) as other:
            assert other.log == "w2"
        holder.kill()
        holder.wait(5)
    with claim(tmp_path) as again:
        assert again.log == "w1"


def test_a_log_that_cannot_be_gone_on_with_is_left_alone(tmp_path, caplog):
    """What is damaged at its end stays as it is; the next log is taken, and the reason logged."""
    write_segment(tmp_path, [])
    path = tmp_path / "w1" / "0000000000000000.jsonl"
    path.write_bytes(b"damaged")
    with claim(tmp_path) as slot:
        assert slot.log == "w2"
    assert "it does not begin with the record 0" in caplog.text
    assert path.read_bytes() == b"damaged"


def file(path: Path) -> None:
    """A file where a folder should be."""
    path.parent.touch()


def folder(path: Path) -> None:
    """A folder where a file should be."""
    path.mkdir(parents=True)


def lock(path: Path) -> None:
    """A folder where the lock file should be."""
    (path.parent.parent / "w1.lock").mkdir()


def pipe(path: Path) -> None:
    """A pipe that nobody writes to."""
    path.parent.mkdir()
    os.mkfifo(path)


def dangling(path: Path) -> None:
    """A link to nowhere."""
    path.parent.mkdir()
    path.symlink_to(path.parent / "nowhere")


@pytest.mark.parametrize("thing", [file, folder, lock, pipe, dangling])
def test_what_is_no_log_keeps_nobody_from_another(tmp_path, caplog, thing):
    """Whatever stands in the place of a log's files, the next log is taken, that is told, and no descriptor is lost."""
    thing(tmp_path / "w1" / "0000000000000000.jsonl")
    before = len(list(Path("/proc/self/fd").iterdir()))
    with claim(tmp_path) as slot:
        assert slot.log == "w2"
    assert "the log is left as it is, and another one begun" in caplog.text
    assert str(tmp_path / "w1") in caplog.text
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_named_log_is_taken_or_not(tmp_path):
    """Who wants one log gets that one or none."""
    slot = take(tmp_path, "control")
    assert slot is not None
    assert slot.folder == tmp_path / "control"
    assert take(tmp_path, "control") is None
    slot.close()


def test_a_folder_that_cannot_be_used(tmp_path):
    """A file where the folder should be is an error."""
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        claim(tmp_path / "file")
