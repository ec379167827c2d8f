"""What a supervisor says of itself."""

import os
import subprocess
import sys

from guard.custody.supervision import Supervision, read, write


def test_what_is_said_can_be_read(tmp_path):
    """All of it, as long as the file is whole."""
    assert read(tmp_path) is None
    told = Supervision(os.getpid(), deaths=1, hangs=2, reloads_failed=3)
    write(tmp_path, told)
    assert read(tmp_path) == told
    (tmp_path / "supervisor.json").write_text("{")
    assert read(tmp_path) is None


def test_a_process_lives_until_it_has_ended():
    """Whoever runs it."""
    assert Supervision(os.getpid()).alive
    assert Supervision(1).alive
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert not Supervision(ended.pid).alive
