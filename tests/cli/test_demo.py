"""`guard demo`, from its first process to its last."""

import json
import os
import signal
import subprocess
import sys

import pytest

from guard.demo.story import STORY
from tests.cli.running import guard

COMMAND = [sys.executable, "-m", "guard.cli", "demo"]


def processes(session: int) -> list[int]:
    """The processes of a session, all of which a demo started in it must end."""
    found = subprocess.run(["ps", "-s", str(session), "-o", "pid="], capture_output=True, text=True, check=False)
    return [int(word) for word in found.stdout.split()]


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


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_nothing_is_left_behind(number, code):
    """However the demo is ended, the processes it started and its folder are gone with it."""
    with subprocess.Popen([*COMMAND, "--json"], stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        document = json.loads(process.stdout.readline())
        assert len(processes(process.pid)) == 3
        os.kill(process.pid, number)
        assert process.wait(20) == code
    assert processes(process.pid) == []
    assert not os.path.exists(document["config"])  # noqa: PTH110  a plain question
