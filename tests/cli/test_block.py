"""`guard block`."""

import json

import pytest

from tests.cli.measuring import elsewhere, run, taken
from tests.support.admin import admin


@pytest.mark.parametrize(
    ("kind", "value", "name"),
    [
        ("ip", "203.0.113.9/24", "203.0.113.0/24"),
        ("client", "app", "app"),
        ("account", "acme", "acme"),
        ("key", "0" * 16, "0" * 16),
        ("session", "s-1", "s-1"),
        ("agent", "Curl/*", "curl/*"),
    ],
)
def test_a_block_is_written_down(tmp_path, kind, value, name):
    """Who blocked whom, why, for what incident and until when; no key has to be in the environment for it."""
    result = run(
        tmp_path, "block", kind, value, "--reason", "attack", "--incident", "INC-1", "--for", "2h", "--actor", "ann"
    )
    assert result.exit_code == 0
    assert result.stdout.startswith(f"blocked {kind} {name} until ")
    assert result.stdout.endswith("no guard runs here now; it is in force when one is started\n")
    (record,) = taken(tmp_path)
    assert record["change"] == {"type": "block", "kind": kind, "value": name}
    assert (record["actor"], record["reason"], record["incident"]) == ("ann", "attack", "INC-1")
    assert record["expires"] == pytest.approx(record["at"] + 7_200, abs=5)


@pytest.mark.parametrize("words", [(), ("--dry-run",), ("--json",)])
def test_the_world_is_blocked_by_who_means_it_only(tmp_path, words):
    """Else it is refused, with what to do instead; a dry run says so too."""
    block = "block", "ip", "0.0.0.0/0", "--reason", "r"
    result = run(tmp_path, *block, *words)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "guard: 0.0.0.0/0 is not blocked, for it holds everybody; who means it says `wide` (`guard block ip --wide`);"
        " `guard route isolate` and `offline` close a model\n"
    )
    assert taken(tmp_path) == []
    assert run(tmp_path, *block, *words, "--wide").exit_code == 0


def test_a_block_may_be_simulated(tmp_path):
    """It is written down so, told so, and listed so."""
    result = run(tmp_path, "block", "ip", "203.0.113.9", "--reason", "r", "--simulate")
    assert result.stdout.startswith("simulated: blocked ip 203.0.113.9: ")
    assert taken(tmp_path)[0]["change"]["simulated"] is True
    assert run(tmp_path, "block", "list").stdout.startswith("ip 203.0.113.9  simulated  since")
    (row,) = json.loads(run(tmp_path, "block", "list", "--json").stdout)
    assert row["simulated"] is True


def test_each_block_makes_the_next_one_longer(tmp_path):
    """Twice as long for each, also when it was taken back; one that is simulated is none."""
    words = ["block", "client", "app", "--reason", "r"]
    result = run(tmp_path, *words, "--for", "1h", "--escalate")
    assert result.stdout.startswith("blocked client app for 1h (0 earlier within 30 days) until ")
    run(tmp_path, "unblock", "client", "app", "--reason", "r")
    run(tmp_path, *words, "--simulate")
    result = run(tmp_path, *words, "--for", "1h", "--escalate")
    assert result.stdout.startswith("blocked client app for 2h (1 earlier within 30 days) until ")
    record = taken(tmp_path)[-1]
    assert record["expires"] == pytest.approx(record["at"] + 7_200, abs=5)
    assert record["change"]["earlier"] == 1
    assert run(tmp_path, *words, "--escalate").exit_code == 2


def test_blocks_are_listed(tmp_path):
    """Those in force, with what is known of them; JSON has all of it."""
    assert run(tmp_path, "block", "list").stdout == ""
    run(tmp_path, "block", "ip", "203.0.113.9", "--reason", "scans\x1b[2J", "--incident", "INC-1")
    run(tmp_path, "block", "client", "app", "--reason", "over", "--for", "0.001s")
    result = run(tmp_path, "block", "list")
    assert result.stdout.count("\n") == 1
    assert result.stdout.startswith("ip 203.0.113.9  since 20")
    assert "INC-1: scans\\x1b[2J" in result.stdout
    (block,) = json.loads(run(tmp_path, "block", "list", "--json").stdout)
    assert (block["kind"], block["value"], block["incident"]) == ("ip", "203.0.113.9", "INC-1")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["ip", "nonsense", "--reason", "r"], "is no address or network"),
        (["ip", "fe80::1%eth0", "--reason", "r"], "is no address or network"),
        (["client", "nobody", "--reason", "r"], "there is no client"),
        (["agent", "*", "--reason", "r"], "is no pattern for user agents"),
        (["ip", "203.0.113.9"], "Missing option '--reason'"),
        (["ip", "203.0.113.9", "--reason", "r", "--for", "soon"], "'soon' is no duration"),
        (["ip", "203.0.113.9", "--reason", "r", "--for", "0s"], "'0s' is too short: it must be longer than 0 s"),
    ],
)
def test_what_makes_no_sense_is_not_written_down(tmp_path, arguments, told):
    """A mistake is told, and changes nothing."""
    result = run(tmp_path, "block", *arguments)
    assert result.exit_code != 0
    assert told in result.stderr
    assert taken(tmp_path) == []


def test_a_control_log_that_is_damaged_is_trouble(tmp_path):
    """The command says so instead of a half of what is in force."""
    run(tmp_path, "block", "ip", "203.0.113.9", "--reason", "r")
    path = tmp_path / "var" / "journal" / "control" / f"{0:016d}.jsonl"
    path.write_bytes(path.read_bytes().replace(b"203.0.113.9", b"203.0.113.8"))
    result = run(tmp_path, "block", "list")
    assert result.exit_code == 1
    assert "`guard log verify` tells more" in result.stderr


async def test_blocks_that_are_over_count_on_another_machine_too(tmp_path):
    """It is asked how many there were, for what is in force there does not tell."""
    words = "block", "ip", "192.0.2.1", "--for", "1h", "--escalate", "--reason", "r"
    async with admin(tmp_path) as api:
        assert "for 1h (0 earlier" in (await elsewhere(api, "operator", *words)).stdout
        await elsewhere(api, "operator", "unblock", "ip", "192.0.2.1", "--reason", "r")
        assert "for 2h (1 earlier" in (await elsewhere(api, "operator", *words)).stdout
