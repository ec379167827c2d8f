"""Where the configuration is found."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from guard.cli import main
from guard.cli.errors import TroubleError
from guard.cli.options import configuration, configuration_path
from tests.cli.running import CONFIG, configure


@pytest.mark.parametrize(
    ("there", "found"),
    [
        (["guard.yaml", "config/guard.yaml"], "config/guard.yaml"),
        (["guard.yaml"], "guard.yaml"),
        (["config/guard.yaml"], "config/guard.yaml"),
    ],
)
def test_default_places(tmp_path, monkeypatch, there, found):
    """Without a name it is config/guard.yaml, else guard.yaml."""
    monkeypatch.chdir(tmp_path)
    Path("config").mkdir()
    for name in there:
        Path(name).write_text("")
    assert configuration_path(None) == Path(found)
    assert configuration_path(Path("other")) == Path("other")


def test_no_configuration_is_trouble(tmp_path, monkeypatch):
    """Where there is none, the error says how to name one."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TroubleError, match="--config or GUARD_CONFIG"):
        configuration_path(None)


def test_option_goes_before_the_environment(tmp_path):
    """--config names the file, else GUARD_CONFIG does."""
    path = configure(tmp_path)
    for options, environ in ((), path), (("--config", path), "/no"):
        result = CliRunner().invoke(main, ["check", *options], env={"GUARD_CONFIG": environ})
        assert (result.exit_code, result.stderr) == (0, "")


def test_every_error_is_in_the_trouble(tmp_path):
    """A configuration with errors is trouble with a line for each."""
    path = tmp_path / "guard.yaml"
    path.write_text(CONFIG + "one: 1\ntwo: 2\n")
    with pytest.raises(TroubleError) as caught:
        configuration(path)
    assert [line.split(": ")[1] for line in caught.value.message.splitlines()] == ["one", "two"]
