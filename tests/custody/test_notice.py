"""Word that the control log was written to."""

import select
import sys

import pytest

from guard.custody.control import append, lock_of, locked
from guard.custody.notice import Notice

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="no other system tells")


def told(notice, seconds=0.0):
    """Whether there is word by then."""
    return bool(select.select([notice.fd], [], [], seconds)[0])


def test_it_comes_when_a_change_is_on_disk(tmp_path):
    """Not while it is being written; and once for each."""
    notice = Notice(lock_of(tmp_path))
    assert not told(notice)
    with locked(tmp_path):
        assert not told(notice)
    for _ in range(2):
        append(tmp_path, {"type": "hold"}, reason="r", incident="I")
        assert told(notice, 5.0)
        notice.take()
        notice.take()
        assert not told(notice)
    notice.close()


def test_a_place_that_is_not_there_is_an_error(tmp_path):
    """Whoever asks then looks for themselves."""
    with pytest.raises(FileNotFoundError):
        Notice(tmp_path / "none" / "control.lock")
