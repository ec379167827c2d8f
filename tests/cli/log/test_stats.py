"""`guard log stats`."""

import json

import pytest
from click.testing import CliRunner

from guard.cli import main
from tests.cli.running import exchange
from tests.support.journals import Log


def stats(journal, *arguments):
    """Run `guard log stats`."""
    return CliRunner().invoke(main, ["log", "stats", *arguments, "--journal", str(journal)])


@pytest.fixture
def journal(tmp_path):
    """A log of three hours, with a client of a hostile name."""
    log = Log(tmp_path)
    for number in range(3):
        client = {"address": f"192.0.2.{number}", "name": f"\x1b[2J{number}"}
        log.add(*exchange(f"id-{number}", 3_600.0 * number, client=client))
    return tmp_path


def test_json_has_everything(journal):
    """With --json it is one object of all numbers, and of each group."""
    told = json.loads(stats(journal, "--json", "--by", "hour").stdout)
    assert told["exchanges"] == 3
    assert told["version"] == {"chat/v1": 3}
    assert [group["group"][11:16] for group in told["by"]] == ["00:00", "01:00", "02:00"]


def test_filters_apply(journal):
    """Only what the filters let through is counted."""
    assert json.loads(stats(journal, "--json", "--address", "192.0.2.1").stdout)["exchanges"] == 1


def test_tables_are_for_people(journal):
    """Tables show the most frequent, say how many more there are, and nothing in them acts on the terminal."""
    shown = stats(journal, "--top", "2", "--by", "hour").stdout
    assert shown.startswith("3 exchanges, 1970-01-01 00:00:00.000Z to 1970-01-01 02:00:00.000Z\n")
    assert "total       p50 2.5 ms" in shown
    assert "\\x1b[2J0" in shown
    assert "\x1b" not in shown
    assert "… and 1 more" in shown
    assert "1970-01-01T02:00Z" in shown
    assert "1970-01-01T00:00Z" not in shown


def test_counted_refusals_are_told(journal):
    """Refusals of which only the number is known are told beside the exchanges."""
    client = {"address": "192.0.2.9", "account": None, "name": None}
    record = {"kind": "refusals", "from": 1, "to": 2, "client": client, "reason": "why", "status": 429, "count": 48_211}
    Log(journal).add(record)
    assert "and 48211 refusals that were only counted:" in stats(journal).stdout
    assert json.loads(stats(journal, "--json").stdout)["refusals"]["client"] == {"192.0.2.9": 48_211}


def test_nothing_comes_to_nothing(journal):
    """Where nothing matches, that is all there is to say."""
    assert stats(journal, "nowhere").stdout == "no exchanges\n"
