"""Changes that commands make."""

import getpass

from guard.custody.control import changes
from tests.cli.log.test_hold import run


def test_the_actor_is_the_user_unless_told(tmp_path, monkeypatch):
    """Without --actor a change is the user's; its segment names the node."""
    monkeypatch.delenv("SUDO_USER", raising=False)
    run(tmp_path, "hold", "--incident", "A", "--reason", "r")
    (record,) = changes(tmp_path / "var" / "journal")
    assert record["actor"] == getpass.getuser()
    (path,) = (tmp_path / "var" / "journal" / "control").iterdir()
    assert f'"node":"{(tmp_path / "var" / "node").read_text().strip()}"' in path.read_text()
