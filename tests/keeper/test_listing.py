"""Remembering what a folder holds."""

import os
from time import time_ns

from guard.keeper.listing import Listing
from tests.support.growing import Growing


def test_segments_are_seen_as_they_come(tmp_path):
    """Nothing, one, and then another: each look tells what there is."""
    listing = Listing(tmp_path, "w1")
    assert listing.segments() == []
    log = Growing(tmp_path)
    assert [segment.base for segment in listing.segments()] == [0]
    log.begin()
    assert [segment.base for segment in listing.segments()] == [0, 1]
    (tmp_path / "w1" / f"{0:016d}.manifest").touch()
    assert listing.segments()[0].manifest


def test_a_folder_that_has_not_changed_is_not_read_again(tmp_path):
    """Once its time is old enough to be trusted, the folder is listed only when that time changes."""
    Growing(tmp_path)
    folder, old = tmp_path / "w1", time_ns() - 10_000_000_000
    listing = Listing(tmp_path, "w1")
    os.utime(folder, ns=(old, old))
    first = listing.segments()
    assert listing.segments() is first
    (folder / f"{1:016d}.jsonl").touch()
    assert len(listing.segments()) == 2
