"""Where the control process of this machine listens."""

import fcntl

from guard.custody.local import FILE, LOCK, Local, clear, present, publish, published, withdraw


def test_it_is_said_to_the_owner_alone(tmp_path):
    """And taken back by who said it; the token is in no text of it."""
    assert published(tmp_path) is None
    local = Local("http://127.0.0.1:1", 7, "secret")
    (tmp_path / FILE).write_text("{}")
    (tmp_path / FILE).chmod(0o644)
    publish(tmp_path, local)
    assert published(tmp_path) == local
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert "secret" not in repr(local)
    withdraw(tmp_path, 8)
    assert published(tmp_path) == local
    withdraw(tmp_path, 7)
    assert published(tmp_path) is None


def test_nonsense_is_nothing(tmp_path):
    """As is what one may not read."""
    (tmp_path / FILE).write_text("nonsense")
    assert published(tmp_path) is None


def test_who_has_gone_is_not_present(tmp_path):
    """Whatever was said before: what counts is the lock, which ends with its process."""
    local = Local("http://127.0.0.1:1", 7, "secret")
    publish(tmp_path, local)
    assert present(tmp_path) is None
    with (tmp_path / LOCK).open("w") as lock:
        assert present(tmp_path) is None
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert present(tmp_path) == local
    assert present(tmp_path) is None
    clear(tmp_path)
    clear(tmp_path)
    assert published(tmp_path) is None
