"""A segment's file while it is written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from guard.journal.segment import DRAFT, Segment, write_all

OPEN_FILES = Path("/proc/self/fd")


def test_it_has_its_name_with_its_first_line(tmp_path):
    """The file appears whole, and is only appended to."""
    segment = Segment(tmp_path, 7, b"head\n")
    segment.write(b"one\n")
    segment.write(b"two\n")
    segment.sync()
    segment.close()
    (path,) = tmp_path.iterdir()
    assert path == segment.path == tmp_path / "0000000000000007.jsonl"
    assert path.read_bytes() == b"head\none\ntwo\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_no_file_is_taken_the_place_of(tmp_path):
    """A segment of that name is left as it is, and no descriptor is lost."""
    Segment(tmp_path, 7, b"first\n").close()
    before = len(list(OPEN_FILES.iterdir()))
    with pytest.raises(FileExistsError):
        Segment(tmp_path, 7, b"second\n")
    assert (tmp_path / "0000000000000007.jsonl").read_bytes() == b"first\n"
    assert len(list(OPEN_FILES.iterdir())) == before


def test_a_draft_that_a_crash_left_is_not_written(tmp_path):
    """A crash may leave a segment under two names: the next one does not touch it by the other."""
    Segment(tmp_path, 7, b"first\n").close()
    os.link(tmp_path / "0000000000000007.jsonl", tmp_path / DRAFT)
    Segment(tmp_path, 8, b"second\n").close()
    assert (tmp_path / "0000000000000007.jsonl").read_bytes() == b"first\n"
    assert (tmp_path / "0000000000000008.jsonl").read_bytes() == b"second\n"


WRITE = """
import resource, sys
from pathlib import Path
from guard.journal.segment import Segment

resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
segment = Segment(Path(sys.argv[1]), 0, b"head\\n")
try:
    segment.write(b"x" * 200)
except OSError as error:
    print(error.strerror)
"""


def test_what_is_taken_in_part_is_an_error_at_last(tmp_path):
    """The system may take less than it was given: the rest follows, or the write fails."""
    done = subprocess.run([sys.executable, "-c", WRITE, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == "File too large\n"
    assert (tmp_path / "0000000000000000.jsonl").read_bytes() == b"head\n" + b"x" * 95


def test_a_full_disk():
    """What does not fit is an error."""
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(OSError, match="No space"):
        write_all(full.fileno(), b"x")
