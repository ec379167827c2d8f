import os
import re

import pytest

from guard.ruleset import files
from guard.ruleset.files import Directory, read_bytes, read_phrases


@pytest.fixture
def folder(tmp_path):
    """A rules folder with a data folder and a file that is none of its business."""
    (tmp_path / "rules" / "data").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("secret")
    return tmp_path / "rules"


@pytest.mark.parametrize("name", ["list.txt", "data/list.txt"])
def test_phrases_are_lines_without_comments(folder, name):
    """Blank lines and comments are left out, and space around a phrase does not count."""
    (folder / "data" / "list.txt").write_text("\ufeff# a comment\n\n  one phrase \r\ntwo # phrases\n", encoding="utf-8")
    content, phrases = read_phrases(Directory(folder), name)
    assert phrases == ("one phrase", "two # phrases")
    assert b"a comment" in content


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../../secret.txt", "'../../secret.txt' is outside the folder 'data'"),
        ("/etc/passwd", "'/etc/passwd' is outside the folder 'data'"),
        ("link.txt", "'link.txt' is outside the folder 'data'"),
        ("none.txt", "'none.txt': cannot be read: No such file or directory"),
        ("pipe", "'pipe': not a regular file"),
        ("empty.txt", "'empty.txt': holds no phrase"),
        ("latin.txt", "'latin.txt': not UTF-8 at byte 1"),
    ],
)
def test_what_is_not_a_phrase_list_is_refused(folder, name, why):
    """A list must be a regular UTF-8 file inside the data folder, with something in it."""
    (folder / "data" / "link.txt").symlink_to(folder.parent / "secret.txt")
    (folder / "data" / "empty.txt").write_text("# nothing\n")
    (folder / "data" / "latin.txt").write_bytes(b"a\xe9")
    os.mkfifo(folder / "data" / "pipe")
    with pytest.raises(ValueError, match=f"^{re.escape(why)}$"):
        read_phrases(Directory(folder), name)


def test_a_name_that_is_no_name_is_refused(folder):
    """A NUL in a file's name is an error like any other."""
    with pytest.raises(ValueError, match="null byte"):
        read_phrases(Directory(folder), "a\0b")


def test_a_file_that_is_too_large_is_refused(folder, monkeypatch):
    """No more than the bound is read."""
    monkeypatch.setattr(files, "BYTES", 5)
    with pytest.raises(ValueError, match="larger than 5 bytes"):
        read_bytes(folder.parent / "secret.txt")
