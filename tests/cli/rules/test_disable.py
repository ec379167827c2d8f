"""`guard rules disable`."""

import pytest

from tests.cli.measuring import run, taken
from tests.cli.rules.pushing import folder


@pytest.fixture(autouse=True)
def configured(tmp_path, monkeypatch):
    """A rule in the configured folder."""
    monkeypatch.chdir(tmp_path)
    folder(tmp_path / "rules", "one")


def test_a_rule_is_taken_out_and_back(tmp_path):
    """By its id, wherever it is from."""
    id_ = run(tmp_path, "rules", "add", "--literal", "evil", "--reason", "r").stdout.split()[1].rstrip(":")
    for name in ("one", id_):
        assert run(tmp_path, "rules", "disable", name, "--reason", "r").exit_code == 0
        assert run(tmp_path, "rules", "enable", name, "--reason", "r").exit_code == 0
    assert [record["change"]["type"] for record in taken(tmp_path)][1:] == ["disable-rule", "enable-rule"] * 2


def test_what_is_not_there_is_refused(tmp_path):
    """And nothing is written down."""
    result = run(tmp_path, "rules", "disable", "nothing", "--reason", "r")
    assert (result.exit_code, taken(tmp_path)) == (1, [])
    assert "there is no rule nothing in force; `guard rules list` tells which there are" in result.stderr


def test_what_is_disabled_is_not_again(tmp_path):
    """Nor is it in force."""
    run(tmp_path, "rules", "disable", "one", "--reason", "r")
    result = run(tmp_path, "rules", "disable", "one", "--reason", "r")
    assert result.exit_code == 1
    assert "disabled already" in result.stderr
