"""What peers are started with, and the count of what the guard journaled."""

import json
from pathlib import Path
from string import Template
from typing import Any

import msgspec
import pytest
import yaml

from guard.config import Config, Limit
from loadtests import peers
from tests.support.journals import write_segment


@pytest.fixture
def place(tmp_path):
    """A folder to write configurations to, with ports that stand out in them."""
    return peers.Place(tmp_path, port=1234, model=5678)


@pytest.mark.parametrize("template", ["model.conf", "nginx.conf", "envoy.yaml", "guard.yaml"])
def test_templates_are_filled_in(place, template):
    """A configuration has its own port and nothing left to fill in."""
    text = Path(place.write(template, answer="{}", admin=4321)).read_text()
    assert "1234" in text
    assert Template(text).get_identifiers() == []


def test_guards_configuration_has_everything_on(place):
    """The guard is measured with a client it knows, a limit, rules and one worker."""
    written = yaml.safe_load(Path(place.write("guard.yaml", admin=4321)).read_text())
    config = msgspec.convert(written, Config)
    assert config.data.workers == 1
    assert config.limits == (Limit(per="address", requests="1000000/s", burst=1_000_000),)
    assert config.rules.dir == str(place.folder / "rules")
    assert config.clients["load"].key


def test_fixtures_are_json():
    """The prompt is about 1 KB of JSON, and the answer can stand inside nginx's quotes."""
    assert 1_000 < len(peers.ANSWER.with_name("prompt.json").read_bytes()) < 1_200
    answer = peers.ANSWER.read_text()
    assert json.loads(answer)["object"] == "chat.completion"
    assert "'" not in answer
    assert "$" not in answer


def test_only_complete_outcomes_count(tmp_path):
    """An exchange counts as journaled by its outcome, not by its prompt, nor when it ended otherwise."""
    records: list[dict[str, Any]] = [
        {"kind": "prompt", "id": "a", "request": {"body": '"end":"complete"'}},
        {"kind": "outcome", "id": "a", "end": "complete"},
        {"kind": "outcome", "id": "b", "end": "client_disconnected"},
        {"kind": "outcome", "id": "c", "output": ['"end":"complete"'], "end": "refused"},
    ]
    write_segment(tmp_path / "state" / "journal", records)
    assert peers.journaled(tmp_path) == 1
