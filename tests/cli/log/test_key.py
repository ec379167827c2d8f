"""`guard log key`."""

import json

from click.testing import CliRunner

from guard.cli import main
from guard.proof.keys import signer, signing_key
from guard.proof.node import node_name
from guard.proof.note import parse_key, verified
from tests.cli.running import configure
from tests.support.sealing import write_log


def key(path, *arguments):
    """Run `guard log key`."""
    return CliRunner().invoke(main, ["log", "key", *arguments, "--config", path])


def test_each_logs_key_is_printed(tmp_path):
    """Under the name that it signs with; what is printed verifies what the key signed."""
    state = tmp_path / "var"
    write_log(state / "journal", [1], log="w1")
    write_log(state / "journal", [1], log="control")
    node = node_name(state)
    note = signer(state, node, "control").sign("a\n")
    printed = [parse_key(line) for line in key(configure(tmp_path)).stdout.splitlines()]
    assert [one.name for one in printed] == [f"{node}/w1", f"{node}/control"]
    assert verified(note, printed)[0] == "a\n"
    found = json.loads(key(configure(tmp_path), "--json").stdout)
    assert (found["node"], list(found["keys"].values())) == (node, [str(one) for one in printed])


def test_no_key_is_trouble(tmp_path):
    """Where no guard has run yet there is none, and none is made; one that others can read is refused."""
    path = configure(tmp_path)
    result = key(path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "there is no signing key" in result.stderr
    assert not (tmp_path / "var").exists()
    signing_key(tmp_path / "var")
    node_name(tmp_path / "var")
    (tmp_path / "var" / "journal.key").chmod(0o644)
    assert "others may read" in key(path).stderr
