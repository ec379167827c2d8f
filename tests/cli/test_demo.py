"""`guard demo`, from its first process to its last."""

import json
import signal
from pathlib import Path

import httpx
import pytest
import yaml

from guard.demo.story import STORY
from tests.cli.running import first_line, guard, started


def answers(url: str) -> bool:
    """Whether something listens there."""
    try:
        httpx.get(url)
    except httpx.TransportError:
        return False
    return True


def test_story_goes_as_told():
    """Told once, every scene has the status, version and journal line it must have, and the exit code is 0."""
    result = guard("demo", "--once", "--json")
    document = json.loads(result.stdout)
    assert [step["wrong"] for step in document["steps"]] == [[]] * len(STORY)
    assert [step["journal"]["end"] for step in document["steps"]] == [scene.end for scene in STORY]
    assert (result.returncode, document["ok"]) == (0, True)


def test_story_on_the_screen():
    """For people, each scene is told with its line of the journal, then the line to try by hand."""
    result = guard("demo", "--once")
    assert result.returncode == 0, result.stdout + result.stderr
    assert [scene.title for scene in STORY if f"✓ {scene.title}" not in result.stdout] == []
    assert result.stdout.count("  journal ") == len(STORY)
    assert "  curl -i http://127.0.0.1:" in result.stdout


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_nothing_is_left_behind(number, code):
    """However the demo is ended, the processes it started and its folder are gone with it."""
    with started("demo", "--json") as process:
        document = first_line(process)
        config = Path(document["config"])
        versions = yaml.safe_load(config.read_text())["models"]["chat"]["versions"]
        assert [answers(url) for url in (document["url"], versions["v1"]["url"])] == [True, True]
        process.send_signal(number)
        assert process.wait(20) == code
    assert [answers(url) for url in (document["url"], versions["v1"]["url"])] == [False, False]
    assert not config.parent.exists()
