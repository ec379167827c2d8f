"""`guard log holds`."""

import json

from guard.custody.control import append
from tests.cli.log.test_hold import run


def test_holds_are_listed(tmp_path):
    """Each hold in force is a line, for people and for programs."""
    assert run(tmp_path, "holds").stdout == "nothing is held\n"
    assert run(tmp_path, "holds", "--json").stdout == ""
    journal = tmp_path / "var" / "journal"
    append(journal, {"type": "hold", "since": 0}, reason="leak\x1b[2J", incident="INC-1", actor="ann")
    append(journal, {"type": "hold", "log": "w1"}, reason="again", incident="INC-2", actor="bob")
    first, second = run(tmp_path, "holds").stdout.splitlines()
    assert first.startswith("INC-1  all logs from 1970-01-01T00:00:00Z to any time")
    assert first.endswith(r"by ann: leak\x1b[2J")
    assert second.startswith("INC-2  w1 from the beginning")
    found = [json.loads(line) for line in run(tmp_path, "holds", "--json").stdout.splitlines()]
    assert [one["incident"] for one in found] == ["INC-1", "INC-2"]
    assert found[0]["since"] == 0.0


def test_damage_is_told(tmp_path):
    """A control log that was altered is not relied on: the first bad record is named."""
    run(tmp_path, "hold", "--incident", "INC-1", "--reason", "leak")
    (path,) = (tmp_path / "var" / "journal" / "control").iterdir()
    path.write_bytes(path.read_bytes().replace(b"leak", b"lack"))
    result = run(tmp_path, "holds")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "control/0: record 1 is damaged" in result.stderr
