"""`guard key`."""

import json
import re

import pytest
from click.testing import CliRunner

from guard.cli import main
from guard.policy.clients import key_hash, load_salt
from guard.settings import load
from tests.cli.running import CONFIG, configure


def hash_of(path, text, *options):
    """Run `guard key hash` with this on standard input."""
    return CliRunner().invoke(main, ["key", "hash", "--config", path, *options], input=text)


def test_hash_fits_the_installation(tmp_path):
    """The hash is that of the key with this installation's salt, and the configuration takes it."""
    path = configure(tmp_path)
    result = hash_of(path, "sk-client-1\n")
    assert result.exit_code == 0
    digest = result.stdout.strip()
    assert digest == key_hash("sk-client-1", load_salt(tmp_path / "var"))
    assert json.loads(hash_of(path, "sk-client-1\n", "--json").stdout) == {"key_hash": digest}
    with_client = configure(tmp_path, CONFIG + f'clients: {{a: {{key_hash: "{digest}"}}}}\n')
    assert load(tmp_path / with_client, {}).clients["a"].key_hash == digest


@pytest.mark.parametrize("text", ["", "\n", " sk\n", "sk \n", "s\x1bk\n", "schlüssel\n"])
def test_what_is_no_key_is_refused(tmp_path, text):
    """What could not be sent as a key is refused, and not repeated."""
    result = hash_of(configure(tmp_path), text)
    assert (result.exit_code, result.stdout) == (1, "")
    assert re.fullmatch(r"guard: this cannot be an API key; .*\n", result.stderr)


def test_damaged_salt_is_one_line(tmp_path):
    """A salt that is damaged is trouble, in one line that says what to do."""
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "salt").write_bytes(b"short")
    result = hash_of(configure(tmp_path), "sk\n")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"guard: {tmp_path}/var/salt: ")
