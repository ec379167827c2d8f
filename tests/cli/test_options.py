"""Where the configuration is found."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from guard.cli import main
from guard.cli.errors import TroubleError
from guard.cli.options import WAY_OUT, configuration, configuration_path
from tests.cli.measuring import elsewhere
from tests.cli.running import CONFIG, configure
from tests.support.admin import admin

BROKEN = "models: [broken\n"
WHY = ("--reason", "r")
ORDERS = (
    ("block", "ip", "192.0.2.1", *WHY),
    ("unblock", "ip", "192.0.2.1", *WHY),
    ("limit", "set", "global", "requests", "9/s", *WHY),
    ("rules", "add", "--literal", "x", *WHY),
    ("route", "isolate", "chat", *WHY),
    ("operator", "add", "ann", "--role", "viewer", *WHY),
)
LOOKS = (
    ("block", "list"),
    ("limit", "list"),
    ("limit", "show", "global"),
    ("rules", "list"),
    ("route", "list"),
    ("operator", "list"),
    ("status",),
)


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


@pytest.mark.parametrize(
    ("words", "option"), [(("--reason", " "), "--reason"), ((*WHY, "--incident", ""), "--incident")]
)
@pytest.mark.parametrize("order", [order[:-2] for order in ORDERS], ids=" ".join)
def test_who_says_nothing_is_told(tmp_path, order, words, option):
    """An empty reason or incident is refused before anything is done, with the option's name."""
    result = CliRunner().invoke(main, [*order, *words, "--config", configure(tmp_path)])
    assert (result.exit_code, f"'{option}': it is empty" in result.stderr) == (2, True)


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


@pytest.mark.parametrize("words", ORDERS + LOOKS)
def test_a_broken_configuration_is_told_with_the_way_out(tmp_path, words):
    """Who must give an order now is told how, in one more line."""
    result = CliRunner().invoke(main, [*words, "--config", configure(tmp_path, BROKEN)])
    assert result.exit_code == 1
    wrong, way_out = result.stderr.splitlines()
    assert "guard.yaml:2: this is not YAML" in wrong
    assert way_out == f"guard: {WAY_OUT}"


@pytest.mark.parametrize("words", [("check",), ("serve",), ("log", "key")])
def test_what_needs_a_configuration_that_is_right_has_no_way_out(tmp_path, words):
    """Of commands about this machine alone only the mistake is told."""
    result = CliRunner().invoke(main, [*words, "--config", configure(tmp_path, BROKEN)])
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1


async def test_for_another_machine_no_configuration_is_read(tmp_path):
    """A broken one here is in nobody's way there."""
    path = configure(tmp_path, BROKEN)
    async with admin(tmp_path / "there") as api:
        for words in (*ORDERS, *LOOKS):
            result = await elsewhere(api, "commander", *words, "--config", path)
            assert "guard.yaml" not in result.stderr
            assert result.exit_code == int(words == ("status",)), result.stderr
