"""`guard block import` and `export`."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.cli.measuring import elsewhere, run, taken
from tests.support.admin import admin


def listed(folder: Path, text: str, name: str = "list.txt") -> str:
    """A list in a file."""
    (folder / name).write_text(text)
    return str(folder / name)


def blocked(folder: Path) -> list[tuple[str, str]]:
    """Who is blocked by command."""
    return [(one["kind"], one["value"]) for one in json.loads(run(folder, "block", "list", "--json").stdout)]


def imported(folder: Path, file: str, *more: str, format: str = "plain"):
    """Run the command."""
    return run(folder, "block", "import", file, "--format", format, "--reason", "a list", *more)


def test_a_list_is_blocked(tmp_path):
    """Each entry is a measure of its own, with what the list says of it; none counts as an offence."""
    file = listed(tmp_path, "192.0.2.1\n198.51.100.0/24 ; SBL1\n192.0.2.1\n")
    result = imported(tmp_path, file, "--for", "2h", "--incident", "INC-1", "--actor", "ann")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith(f"blocked 2 of 2 in {file} (0 blocked already, 0 over, 0 left out): no guard runs")
    first, second = taken(tmp_path)
    assert first["change"] == {"type": "block", "kind": "ip", "value": "192.0.2.1", "offence": False}
    assert (first["actor"], first["reason"], first["incident"]) == ("ann", "a list", "INC-1")
    assert second["reason"] == "a list: SBL1"
    assert first["expires"] == pytest.approx(first["at"] + 7_200, abs=60)
    result = run(tmp_path, "block", "ip", "192.0.2.1", "--reason", "r", "--for", "1h", "--escalate")
    assert "(0 earlier" in result.stdout


def test_what_is_blocked_already_is_not_blocked_again(tmp_path):
    """A list that is read each hour adds what is new, longer or stricter, and nothing else."""
    file = listed(tmp_path, "192.0.2.1\n192.0.2.2\n")
    imported(tmp_path, file, "--for", "1h", "--simulate")
    assert [one["change"].get("simulated") for one in taken(tmp_path)] == [True, True]
    told = json.loads(imported(tmp_path, file, "--for", "1m", "--simulate", "--json").stdout)
    assert (told["read"], told["blocked"], told["known"]) == (2, 0, 2)
    assert "blocked 2 of 2" in imported(tmp_path, file, "--for", "1m").stdout
    assert "blocked 2 of 2" in imported(tmp_path, file, "--for", "2h").stdout
    assert "blocked 2 of 2" in imported(tmp_path, file).stdout
    assert "blocked 0 of 2" in imported(tmp_path, file).stdout
    assert len(taken(tmp_path)) == 8


def test_a_dry_run_changes_nothing(tmp_path):
    """It says what would be."""
    file = listed(tmp_path, '[{"value": "192.0.2.1"}, {"value": "FR", "scope": "Country"}]')
    result = imported(tmp_path, file, "--dry-run", format="crowdsec")
    assert result.stdout == f"would block 1 of 1 in {file} (0 blocked already, 0 over, 1 left out)\n"
    assert "left out: [1]: the scope 'Country' is none that the guard has" in result.stderr
    assert taken(tmp_path) == []
    told = json.loads(imported(tmp_path, file, "--dry-run", "--json", format="crowdsec").stdout)
    assert told["left_out"] == [{"place": "[1]", "why": "the scope 'Country' is none that the guard has"}]


def test_mistakes_are_told_and_nothing_is_taken(tmp_path):
    """The first ten by their lines, and how many there are; what others wrote is no way to command a terminal."""
    file = listed(tmp_path, "192.0.2.1\n" + "nonsense\x1b[2J\n" * 30)
    result = imported(tmp_path, file)
    assert result.exit_code == 1
    assert result.stderr.count("is none; expected an address") == 10
    assert "line 2: 'nonsense\\x1b[2J' is none" in result.stderr
    assert "\x1b" not in result.stderr
    assert "… and 20 more" in result.stderr
    assert f"{file} has 30 mistakes, and nothing of it was taken" in result.stderr
    assert taken(tmp_path) == []


def test_own_goals_are_refused(tmp_path):
    """A list that would block everybody is taken by force only."""
    file = listed(tmp_path, "192.0.2.1\n0.0.0.0/0\n127.0.0.0/8\n8.0.0.0/6\n")
    result = imported(tmp_path, file)
    assert result.exit_code == 1
    assert "refused: 0.0.0.0/0: it holds everybody" in result.stderr
    assert "refused: 127.0.0.0/8: it holds this machine's own addresses" in result.stderr
    assert taken(tmp_path) == []
    assert imported(tmp_path, file, "--force").exit_code == 0
    changes = {one["change"]["value"]: one["change"].get("wide") for one in taken(tmp_path)}
    assert changes == {"192.0.2.1": None, "127.0.0.0/8": None, "0.0.0.0/0": True, "8.0.0.0/6": True}


def test_what_nobody_can_be_here_is_left_out(tmp_path):
    """A list of another guard's may name clients that this one does not know; confidence is asked for by number."""
    rows = [("account", "acme"), ("account", "other"), ("client", "app"), ("client", "x"), ("session", "s-1")]
    file = listed(tmp_path, "\n".join(json.dumps({"kind": kind, "value": value}) for kind, value in rows))
    result = imported(tmp_path, file, format="guard")
    assert "left out: account other: there is no such account in the configuration" in result.stderr
    assert "left out: client x: there is no such client in the configuration" in result.stderr
    assert blocked(tmp_path) == [("account", "acme"), ("client", "app"), ("session", "s-1")]
    indicators = [
        {"type": "indicator", "pattern": f"[ipv4-addr:value = '192.0.2.{number}']", **more}
        for number, more in enumerate([{"confidence": 10}, {"confidence": 60}, {}])
    ]
    file = listed(tmp_path, json.dumps({"type": "bundle", "id": "bundle--1", "objects": indicators}))
    result = imported(tmp_path, file, "--min-confidence", "50", format="stix")
    assert "left out: ip 192.0.2.0: its confidence is 10" in result.stderr
    assert blocked(tmp_path)[3:] == [("ip", "192.0.2.1"), ("ip", "192.0.2.2")]


@pytest.mark.parametrize(
    ("format", "count"), [("plain", 1), ("crowdsec", 1), ("stix", 2), ("guard", 4)]
)  # fmt: skip
def test_what_is_exported_is_imported_elsewhere(tmp_path, format, count):
    """What the format has a place for; the rest is told."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    for words in (["ip", "192.0.2.0/24"], ["agent", "*bot*"], ["account", "acme"], ["ip", "192.0.2.1", "--simulate"]):
        run(here, "block", *words, "--reason", "r")
    file = str(tmp_path / "list")
    told = json.loads(run(here, "block", "export", file, "--format", format, "--json").stdout)
    assert told == {"format": format, "file": file, "exported": count, "left_out": 4 - count}
    assert imported(there, file, format=format).exit_code == 0
    assert len(blocked(there)) == count
    assert set(blocked(there)) <= set(blocked(here))


def test_an_export_without_a_file_is_printed(tmp_path):
    """The list alone, for a pipe; --json is about a file."""
    run(tmp_path, "block", "ip", "192.0.2.1", "--reason", "r")
    result = run(tmp_path, "block", "export", "--format", "plain")
    assert result.stdout == "192.0.2.1\n"
    assert run(tmp_path, "block", "export", "--format", "plain", "--json").exit_code == 2
    result = run(tmp_path, "block", "export", str(tmp_path / "list"), "--format", "plain")
    assert result.stdout == f"exported 1 to {tmp_path / 'list'} (0 left out)\n"


def test_an_export_replaces_a_file(tmp_path):
    """Nothing of what it held before is left."""
    run(tmp_path, "block", "ip", "192.0.2.1", "--reason", "r")
    file = tmp_path / "list"
    file.write_text("198.51.100.1\n" * 9)
    assert run(tmp_path, "block", "export", str(file), "--format", "plain").exit_code == 0
    assert file.read_text() == "192.0.2.1\n"


async def test_a_list_for_another_machine_is_held_against_that_ones_names(tmp_path):
    """Its clients, its trusted proxies, what is blocked there; nothing of it is known here."""
    file = listed(tmp_path, "10.1.2.3\n203.0.113.0/24\n")
    rows = "\n".join(json.dumps({"kind": "client", "value": name}) for name in ("web", "app"))
    clients = listed(tmp_path, rows, "clients.txt")
    (tmp_path / "there").mkdir()
    async with admin(tmp_path / "there") as api:
        config = api.desk.config
        api.desk.config = replace(config, identify=replace(config.identify, trusted_proxies=("10.1.2.0/24",)))
        words = "block", "import", "--reason", "r", "--format"
        refused = await elsewhere(api, "operator", *words, "plain", file)
        assert "10.1.2.3: it holds a network of identify.trusted_proxies (10.1.2.0/24)" in refused.stderr
        assert (await elsewhere(api, "operator", *words, "plain", file, "--force")).exit_code == 0
        told = await elsewhere(api, "operator", *words, "guard", clients)
        assert "left out: client app: there is no such client" in told.stderr
        written = await elsewhere(api, "viewer", "block", "export", "--format", "plain")
    assert written.stdout.splitlines() == ["10.1.2.3", "203.0.113.0/24"]
