"""Where a journal's files are."""

import os
from pathlib import Path

import pytest

from guard.journal.folder import (
    MANIFEST,
    PLAIN,
    SEALED,
    TOMBSTONE,
    Segment,
    all_segments,
    logs,
    open_file,
    segments,
    sync_folder,
)


def test_logs_are_in_the_order_of_their_numbers(tmp_path):
    """Workers by number, then control; what is no log is not listed."""
    for name in ("w10", "w2", "control", "w1", "w0", "other", "w1.lock"):
        (tmp_path / name).mkdir()
    (tmp_path / "w3").write_text("a file")
    assert logs(tmp_path) == ["w1", "w2", "w10", "control"]


def test_a_journal_that_is_not_there_is_empty(tmp_path):
    """No folder, no logs and no segments."""
    assert logs(tmp_path / "none") == []
    assert segments(tmp_path / "none", "w1") == []


def test_segments_say_which_files_there_are(tmp_path):
    """Plain, sealed, both for a moment, or deleted; in the order of their records."""
    for name in (
        "0000000000000600.jsonl",
        "0000000000000500.jsonl",
        "0000000000000500.jsonl.zst",
        "0000000000000500.manifest",
        "0000000000000040.manifest",
        "0000000000000040.tombstone",
        "0000000000000400.jsonl.zst",
        "0000000000000400.manifest",
        "600.jsonl",
        "next.jsonl",
    ):
        (tmp_path / "w1").mkdir(exist_ok=True)
        (tmp_path / "w1" / name).touch()
    folder = tmp_path / "w1"
    found = segments(tmp_path, "w1")
    assert found == list(all_segments(tmp_path))
    assert found == [
        Segment("w1", 40, folder, manifest=True, tombstone=True),
        Segment("w1", 400, folder, sealed=True, manifest=True),
        Segment("w1", 500, folder, plain=True, sealed=True, manifest=True),
        Segment("w1", 600, folder, plain=True),
    ]
    assert [one.deleted for one in found] == [True, False, False, False]
    assert found[0].name == "w1/40"


@pytest.mark.parametrize(
    ("suffix", "ending"),
    [(PLAIN, "jsonl"), (SEALED, "jsonl.zst"), (MANIFEST, "manifest"), (TOMBSTONE, "tombstone")],
)
def test_a_segments_files_are_named_by_its_first_record(suffix, ending):
    """Sixteen digits, so that names sort as records do."""
    assert Segment("w1", 512, Path("journal/w1")).path(suffix) == Path(f"journal/w1/0000000000000512.{ending}")


def test_syncing_a_folder_that_is_gone_fails(tmp_path):
    """The names in a folder cannot be made durable without it."""
    sync_folder(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "gone")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (os.mkfifo, "not a regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
        (lambda path: path.mkdir(), "Is a directory"),
    ],
)
def test_what_is_no_file_keeps_nobody_waiting(tmp_path, make, told):
    """What was put in the place of a file, and might never end, is not opened, and no descriptor is lost."""
    path = tmp_path / "odd"
    make(path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(OSError, match=f"{told}.*odd"):
        open_file(path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
