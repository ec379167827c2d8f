"""What the demo plays in; tests/cli/test_demo.py runs it whole."""

import shlex
from pathlib import Path

import httpx
import pytest

from guard.demo.children import ChildError
from guard.demo.world import World
from guard.settings import load
from tests.cli.running import RULE


@pytest.fixture
def rules(tmp_path):
    """A folder with one rule."""
    (tmp_path / "10-test.yaml").write_text(RULE)
    return tmp_path


def test_world_is_up_and_then_gone(rules):
    """Inside of the context the guard answers as configured; after it nothing is left."""
    with World(rules) as world:
        config = load(world.config, {})
        assert config.identify.trusted_proxies == ("127.0.0.1",)
        assert httpx.get(f"{world.url}/v1/models").json()["data"][0]["id"] == "v2"
        words = shlex.split(world.curl())
        assert words[2] == f"{world.url}/v1/chat/completions"
    assert not world.config.exists()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{world.url}/healthz")


def test_world_that_cannot_start_says_why(tmp_path):
    """When the guard does not start, the error has its last words, and the models are ended."""
    with pytest.raises(ChildError, match=r"guard did not start: .*rules"), World(Path(tmp_path / "nowhere")):
        pass


def test_guard_that_ends_by_itself_is_noticed(rules):
    """Waiting ends with an error when the guard does."""
    with World(rules) as world:
        world._guard.kill()
        with pytest.raises(ChildError, match="guard ended by itself"):
            world.wait()
