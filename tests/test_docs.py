"""The documents tell everything there is: every command, option and key, with the defaults that are true."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from msgspec import inspect

from guard.cli import main
from guard.config import Config
from guard.settings import load

ROOT = Path(__file__).parent.parent
SHIPPED = ROOT / "config" / "guard.yaml"
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text()
COMMANDS = (ROOT / "docs" / "cli.md").read_text()

REQUIRED = "required"
DIFFERENT_IN_PLACE = {"state": "../var", "rules.dir": "../rules", "identify.session_header": "x-session-id"}
"""Defaults count from the configuration's folder; two lead from config/ to the folders beside it. The third is switched
off there, and shows what it can be.
"""


def keys(kind: inspect.Type, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every key that a value can be given for, and its default."""
    match kind:
        case inspect.StructType():
            for field in kind.fields:
                place = f"{path}.{field.name}".lstrip(".")
                deeper = list(keys(field.type, place))
                default = REQUIRED if field.required else field.default
                yield from deeper or [(place, default)]
        case inspect.DictType():
            yield from keys(kind.value_type, f"{path}.<name>")
        case inspect.VarTupleType():
            yield from keys(kind.item_type, f"{path}[]")


KEYS = dict(keys(inspect.type_info(Config)))


@cache
def documented() -> dict[str, str]:
    """The keys in docs/configuration.md with the defaults it states."""
    return dict(re.findall(r"^\| `([^`]+)` \| `?([^`|]*?)`? \|", CONFIGURATION, re.MULTILINE))


@cache
def shipped() -> str:
    """config/guard.yaml with every setting in it switched on."""
    text = re.sub(r"(?:\{\}|\[\]) +# remove .*", "", SHIPPED.read_text())
    return re.sub(r"^#(?= {2,})", "", text, flags=re.MULTILINE)


def values(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every key in a document, with what is under it; names of models, versions and clients as <name>."""
    if isinstance(value, dict):
        named = re.fullmatch(r"models|models\.<name>\.versions|clients", path)
        for key, item in value.items():
            yield from values(item, f"{path}.{'<name>' if named else key}".lstrip("."))
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for item in value:
            yield from values(item, f"{path}[]")
    else:
        yield path, value


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """All commands under one, with what is typed for them."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        assert child is not None
        yield from commands(child, f"{path} {name}")


ALL_COMMANDS = dict(commands(main, "guard"))


def section(path: str) -> str:
    """What docs/cli.md says of a command."""
    found = re.search(rf"^## `{re.escape(path)}(?: [A-Z]+)?`\n(.*?)(?=^## |\Z)", COMMANDS, re.MULTILINE | re.DOTALL)
    assert found is not None, f"docs/cli.md has no section on `{path}`"
    return found[1]


@pytest.mark.parametrize("key", KEYS)
def test_key_is_documented(key):
    """A key is in docs/configuration.md with the default that the program has."""
    stated, default = documented()[key], KEYS[key]
    if default == REQUIRED:
        assert stated == REQUIRED
    else:
        assert yaml.safe_load(stated) == (list(default) if isinstance(default, tuple) else default)


def test_no_other_key_is_documented():
    """Everything in the tables of docs/configuration.md is a key."""
    assert documented().keys() - {"key"} == KEYS.keys()


@pytest.mark.parametrize("key", KEYS)
def test_key_is_in_the_shipped_file(key):
    """config/guard.yaml has every key, switched on or off."""
    assert key in dict(values(yaml.safe_load(shipped())))


def test_shipped_file_has_the_defaults():
    """What config/guard.yaml gives a key that has a default and stands once for the whole guard is that default."""
    single = {key: value for key, value in KEYS.items() if "<" not in key and "[" not in key}
    found = {key: value for key, value in values(yaml.safe_load(shipped())) if key in single}
    expected = {key: list(value) if isinstance(value, tuple) else value for key, value in single.items()}
    assert found == {**expected, **DIFFERENT_IN_PLACE}


def test_shipped_file_loads():
    """config/guard.yaml is right as it is, and its folders are those of the project."""
    config = load(SHIPPED, {})
    assert config.state == str(ROOT / "var")
    assert config.rules.dir == str(ROOT / "rules")


def test_shipped_file_loads_with_everything_on(tmp_path):
    """Each setting that is off in config/guard.yaml is right too."""
    path = tmp_path / "guard.yaml"
    path.write_text(shipped())
    config = load(path, {"MODEL_KEY": "a", "ACME_KEY": "b", "STOLEN_KEY": "c", "WITNESS_KEY": "d"})
    assert config.models["chat"].versions["v2"].key == "a"
    assert len(config.blocks) == 6


@pytest.mark.parametrize("path", sorted((ROOT / "config" / "examples").glob("*.yaml")), ids=lambda path: path.stem)
def test_example_loads(path):
    """Each example is right, given the keys it asks the environment for."""
    names = re.findall(r"\$\{(\w+)\}", path.read_text())
    assert load(path, {name: name for name in names}).routes


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(.*?)```", CONFIGURATION, re.DOTALL))
def test_documented_configuration_loads(tmp_path, text):
    """Each configuration shown in docs/configuration.md is right."""
    path = tmp_path / "guard.yaml"
    path.write_text(text)
    assert load(path, {}).models


def options_in(text: str) -> list[str]:
    """The options in the table of a section."""
    return re.findall(r"`(--?[a-z-]+)`", "".join(re.findall(r"^\| (.*?) \|", text, re.MULTILINE)))


@pytest.mark.parametrize("path", ALL_COMMANDS)
def test_command_is_documented(path):
    """A command has a section in docs/cli.md with all its options, and no others; the filters are told once."""
    listed = options_in(section(path))
    if "with the same TEXT and filters" in section(path):
        search = options_in(section("guard log search"))
        listed += search[: search.index("--log") + 1]
    options = {name for parameter in ALL_COMMANDS[path].params for name in parameter.opts if name.startswith("-")}
    assert set(listed) == options


@pytest.mark.parametrize("path", ALL_COMMANDS)
def test_command_takes_json(path):
    """Every command takes --json and says in its help what it is for."""
    command = ALL_COMMANDS[path]
    assert any("--json" in parameter.opts for parameter in command.params)
    assert command.help


def test_version_is_documented():
    """The option of the whole program is in docs/cli.md."""
    assert "`guard --version`" in COMMANDS


@pytest.mark.parametrize("document", sorted((ROOT / "docs").glob("*.md")), ids=lambda path: path.name)
def test_documents_name_commands_that_exist(document):
    """Each `guard …` in a document begins with a command there is."""
    named = set(re.findall(r"^guard ([a-z]+(?: [a-z]+)?)", document.read_text(), re.MULTILINE))
    known = {path.removeprefix("guard ") for path in ALL_COMMANDS}
    assert {name for name in named if not any(one == name or name.startswith(f"{one} ") for one in known)} == set()


def test_every_answer_of_the_guard_is_documented():
    """docs/answers.md has every code that a refusal in the sources can carry, and no other."""
    sources = "".join(path.read_text() for path in (ROOT / "guard").rglob("*.py"))
    refusals = re.findall(r'(?:Refusal|_not_understood)\(\s*(?:exchange, )?[^()]*?"([a-z]+(?:_[a-z]+)+)"', sources)
    told = re.findall(r"^\| \d{3} \| `(\w+)` \|", (ROOT / "docs" / "answers.md").read_text(), re.MULTILINE)
    assert set(refusals) == set(told)


PROMISED = re.findall(r"`((?:tests|loadtests)/[\w/]+\.py)(?:::(\w+))?`", (ROOT / "docs" / "promises.md").read_text())


@pytest.mark.parametrize(("file", "test"), PROMISED, ids=[f"{file}::{test}" for file, test in PROMISED])
def test_what_shows_a_promise_is_there(file, test):
    """Each test that docs/promises.md names exists under that name."""
    text = (ROOT / file).read_text()
    assert re.search(rf"^(?:async )?def {test}\(", text, re.MULTILINE) if test else text


def test_every_order_tells_who_took_it():
    """What an order prints as JSON is documented with the same members everywhere."""
    told = [line for line in COMMANDS.splitlines() if line.startswith("| `--json`") and "late, seconds" in line]
    assert told
    assert [line for line in told if "version, workers, late, seconds, via}" not in line] == []
