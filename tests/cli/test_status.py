"""`guard status`."""

import json
import time

import msgspec
from msgspec.structs import replace

from guard.control.standing import document, standing
from guard.counts import Counts, Gauges
from guard.custody import counts
from guard.custody.workers import Running, acknowledge
from guard.journal.slot import claim
from tests.cli.measuring import elsewhere, run
from tests.support.admin import admin


def test_without_workers_nothing_runs(tmp_path):
    """Which is told, and by the exit code too."""
    (tmp_path / "var" / "journal").mkdir(parents=True)
    result = run(tmp_path, "status")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "guard: no guard runs here\n")


def test_each_worker_has_a_line(tmp_path):
    """With what it has in force and counts, losses too; what is wrong is on stderr."""
    state = tmp_path / "var"
    run(tmp_path, "block", "ip", "203.0.113.9", "--reason", "r")
    with claim(state / "journal"):
        acknowledge(state, Running("w1", 77, 2, 3))
        now = Gauges(at=time.time(), running=2, lag=0.002, journal_lag=0.004)
        told = Counts(requests={("chat", "v1", "complete"): 12}, lost=5, now=now)
        counts.save(counts.place(state, "w1"), counts.encode(told))
        result = run(tmp_path, "status")
        assert (
            "w1          process 77  policy 3  measures 2  rules configured  requests 12  in progress 2  loop lag 2 ms"
            "  journal lag 4 ms  lost 5\n"
        ) in result.stdout
        assert "measures 2\n" in result.stdout
        assert "newest checkpoint none  unsealed segments 1  lost 5\n" in result.stdout
        assert result.exit_code == 1
        assert result.stderr.splitlines() == [
            "guard: the keeper does not run: nothing is signed, sealed or deleted",
            "guard: the control process does not run: there is no admin API",
        ]


def test_a_worker_that_is_behind_is_told(tmp_path):
    """Exit code 1 while one has not the newest; the document names it."""
    run(tmp_path, "block", "ip", "203.0.113.9", "--reason", "r")
    with claim(tmp_path / "var" / "journal"):
        acknowledge(tmp_path / "var", Running("w1", 77, 1, 2))
        result = run(tmp_path, "status", "--json")
        assert result.exit_code == 1
        found = json.loads(result.stdout)
        assert found["behind"] == ["w1"]
        assert found["problems"][0] == "w1 is behind: it has measures 1 in force, the newest are 2"


def test_the_rules_of_each_worker_are_told(tmp_path):
    """Those that were pushed, by their hash, and those that it still makes ready; what it could not have is wrong."""
    run(tmp_path, "block", "ip", "203.0.113.9", "--reason", "r")
    with claim(tmp_path / "var" / "journal"):
        acknowledge(tmp_path / "var", Running("w1", 77, 2, 3, "", "a" * 64, "b" * 64))
        assert f"rules {'a' * 12} (makes ready {'b' * 12})\n" in run(tmp_path, "status").stdout
        acknowledge(tmp_path / "var", Running("w1", 77, 2, 3, "the rules are not here"))
        result = run(tmp_path, "status", "--json")
        assert result.exit_code == 1
        found = json.loads(result.stdout)
        assert found["problems"][0] == "w1: the rules are not here"
        assert (found["workers"][0]["rules"], found["workers"][0]["waits"]) == ("", "")


async def test_another_machine_tells_of_itself(tmp_path):
    """The same document as it has there, and the same lines; the exit code says whether something is wrong there."""
    async with admin(tmp_path) as api:
        api.desk.config = replace(api.desk.config, data=replace(api.desk.config.data, workers=2))
        nothing = await elsewhere(api, "viewer", "status")
        with claim(api.desk.journal):
            acknowledge(tmp_path, Running("w1", 77, 4, 5, "", "a" * 64))
            now = Gauges(at=time.time(), running=2)
            counts.save(counts.place(tmp_path, "w1"), counts.encode(Counts(lost=5, now=now)))
            told = await elsewhere(api, "viewer", "status")
            found = json.loads((await elsewhere(api, "viewer", "status", "--json")).stdout)
            here = json.loads(msgspec.json.encode(document(standing(api.desk.config))))
    assert (nothing.exit_code, nothing.stdout, nothing.stderr) == (1, "", "guard: no guard runs here\n")
    assert told.exit_code == 1
    assert f"w1          process 77  policy 5  measures 4  rules {'a' * 12}  requests 0  in progress 2" in told.stdout
    assert "guard: 1 of 2 workers run\n" in told.stderr
    assert found.keys() == here.keys()
    assert found["workers"] == here["workers"]
    assert found["journal"].keys() == here["journal"].keys()
