"""Whole configuration files: what loads, and every error of what does not."""

import re
from pathlib import Path

import pytest

from guard.config import Config
from guard.settings import SettingsError, load

SMALLEST = """\
data: {listen: 127.0.0.1:8080, workers: 1}
admin: {listen: 127.0.0.1:8081}
state: var                       # store, journal, last good policy
rules: {dir: rules}
models:
  chat:
    versions:
      v2: {url: "http://127.0.0.1:9001"}
      v1: {url: "http://127.0.0.1:9002"}
    active: v2
    fallback: [v1]
routes:
  - {path: /v1/, format: openai, model: chat, repeat: true}
"""

SECRETS = (
    "hunter2-client", "hunter3-model", "hunter4-block", "hunter5-url", "hunter6-hash", "70700707", "hunter8-query",
    "hunter9-bare", "hunter10-colon",
)  # fmt: skip


def write(folder: Path, text: str) -> Path:
    """A configuration file with this text."""
    path = folder / "guard.yaml"
    path.write_text(text)
    return path


def errors(folder: Path, text: str, environ: dict[str, str] | None = None) -> list[str]:
    """The errors of a file, without its name: ``line: path: what; expected what``."""
    path = write(folder, text)
    with pytest.raises(SettingsError) as caught:
        load(path, environ or {})
    assert str(caught.value).splitlines() == [str(error) for error in caught.value.errors]
    return [str(error).removeprefix(f"{path}:") for error in caught.value.errors]


def test_smallest_file_has_defaults(tmp_path):
    """A file with a model and a route loads, and everything else has its default."""
    config = load(write(tmp_path, SMALLEST), {})
    plain = Config(models=config.models, routes=config.routes)
    assert config.upstream == plain.upstream
    assert config.data == plain.data
    assert config.models["chat"].fallback == ("v1",)
    assert config.routes[0].repeat is True


def test_paths_count_from_the_file(tmp_path, monkeypatch):
    """Relative paths are those of the file's folder, wherever the guard is started; absolute ones stay."""
    (tmp_path / "etc").mkdir()
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "etc", SMALLEST.replace('9001"', '9001", ca: ca.pem').replace("dir: rules", "dir: /rules"))
    config = load(path.relative_to(tmp_path), {})
    assert config.state == str(tmp_path / "etc" / "var")
    assert config.rules.dir == "/rules"
    assert config.models["chat"].versions["v2"].ca == str(tmp_path / "etc" / "ca.pem")


def test_secrets_come_from_the_environment(tmp_path):
    """The keys of clients, versions and blocks may be environment variables."""
    text = SMALLEST.replace('9001"', '9001", key: "${MODEL}"')
    text += 'clients: {a: {key: "${CLIENT}"}}\nblocks: [{key: "${BLOCK}"}]\n'
    config = load(write(tmp_path, text), {"MODEL": "m", "CLIENT": "c", "BLOCK": "b"})
    assert (config.models["chat"].versions["v2"].key, config.clients["a"].key, config.blocks[0].key) == ("m", "c", "b")


def test_every_error_is_told(tmp_path):
    """Errors of all kinds in one file come together, each once, in the order of the lines."""
    text = SMALLEST.replace("workers: 1", "workers: none, wrokers: 2").replace("[v1]", "[v1, v9]")
    text += "limits:\n  - {per: moon}\nblocks:\n  - {}\n"
    found = errors(tmp_path, text)
    assert [line.split(": ")[:2] for line in found] == [
        ["1", "data.wrokers"],
        ["1", "data.workers"],
        ["11", "models.chat.fallback[1]"],
        ["15", "limits[0].per"],
        ["15", "limits[0]"],
        ["17", "blocks[0]"],
    ]
    assert all("; expected " in line for line in found)


def test_no_error_repeats_a_secret(tmp_path):
    """Keys that are wrong, or stand beside something wrong, are in no error."""
    text = f"""\
models:
  chat:
    versions:
      v2: {{url: "http://me:{SECRETS[3]}@127.0.0.1", key: "{SECRETS[1]} "}}
      v1: {{url: "http://127.0.0.1/?key={SECRETS[6]}", key: {SECRETS[5]}}}
      v0: {SECRETS[7]}
    active: v9
routes: []
clients:
  a: {{key: "{SECRETS[0]}", key_hash: {SECRETS[4]}}}
  b: {{key: "{SECRETS[0]}"}}
  c: {{key: ["{SECRETS[0]}"]}}
  d: {{key: "${{FROM_OUTSIDE}}"}}
  e: {{key: {SECRETS[5]}}}
  f: {SECRETS[7]}
  g: {{key {SECRETS[8]}}}
blocks:
  - {{key: "{SECRETS[2]}", ip: 10.0.0.1}}
  - {{key: "{SECRETS[2]}${{X}}"}}
  - {SECRETS[7]}
"""
    found = "\n".join(errors(tmp_path, text, {"FROM_OUTSIDE": f"{SECRETS[0]}\n"}))
    assert "models.chat.active" in found
    assert [secret for secret in SECRETS if secret in found] == []


def test_syntax_errors_repeat_no_secret(tmp_path):
    """PyYAML quotes what it stumbles over; we do not."""
    found = errors(tmp_path, f"models: *{SECRETS[0]}\n")
    assert SECRETS[0] not in "".join(found)
    assert found[0].startswith("1: this is not YAML")


@pytest.mark.parametrize("place", ["/nowhere/guard.yaml", "."])
def test_file_that_cannot_be_read(place):
    """A missing file or a folder is one plain error that says how to name another."""
    with pytest.raises(SettingsError, match=re.escape(place) + r": cannot be read \(.*\); expected .*--config"):
        load(Path(place), {})
