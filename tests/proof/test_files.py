"""Files that are whole or not there."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from guard.proof.files import make_once, replace, try_lock


def test_the_first_of_many_stays(tmp_path):
    """Whoever makes the file at the same time gets what the first one wrote, and nothing else is left."""
    path = tmp_path / "state" / "file"
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda number: make_once(path, b"%d" % number), range(32)))
    assert len(found) == 1
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_replacing_leaves_nothing_else(tmp_path):
    """A file takes another's place with the mode asked for."""
    path = tmp_path / "file"
    replace(path, b"one")
    replace(path, b"two", 0o644)
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o644
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_what_a_crash_left_is_overwritten(tmp_path):
    """A draft that was not finished is none that a later file has anything of."""
    (tmp_path / "file.draft").write_bytes(b"unfinished")
    replace(tmp_path / "file", b"one")
    assert (tmp_path / "file").read_bytes() == b"one"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_place_that_cannot_be_taken_is_an_error(tmp_path):
    """What is there stays."""
    (tmp_path / "file").mkdir()
    with pytest.raises(OSError, match="directory"):
        replace(tmp_path / "file", b"one")
    assert (tmp_path / "file").is_dir()


def test_the_folder_is_the_owners_too(tmp_path):
    """A state folder that is made for its first file is nobody else's to look into."""
    make_once(tmp_path / "state" / "salt", b"x")
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def test_one_at_a_time_has_the_lock(tmp_path):
    """Until the file is closed."""
    first, second = (os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT, 0o600) for _ in range(2))
    assert [try_lock(first), try_lock(second)] == [True, False]
    os.close(first)
    assert try_lock(second)
    os.close(second)
