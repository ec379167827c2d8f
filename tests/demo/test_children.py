"""Child processes."""

import pytest

from guard.demo.children import Child, ChildError


def test_child_says_when_it_is_ready_and_ends(tmp_path):
    """The line a child prints is read; leaving the context ends it."""
    with Child("model", ["model", "--listen", "127.0.0.1:0"], tmp_path) as child:
        assert child.first_line()["listening"].startswith("127.0.0.1:")
        assert not child.ended(within=0)
    assert child.process.returncode is not None


def test_child_that_does_not_start_has_last_words(tmp_path):
    """When a child ends at once, the error has what it said."""
    with Child("model", ["model", "--listen", "nonsense"], tmp_path) as child:
        with pytest.raises(ChildError, match=r"^model did not start: guard: Invalid value for --listen"):
            child.first_line()
        assert child.ended(within=5)


def test_killed_child_is_gone(tmp_path):
    """Killing is at once, and ending what is killed already does no harm."""
    with Child("model", ["model", "--listen", "127.0.0.1:0"], tmp_path) as child:
        child.first_line()
        child.kill()
        assert child.process.returncode == -9
