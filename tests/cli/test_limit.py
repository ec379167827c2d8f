"""`guard limit`."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from msgspec.structs import replace

from guard.cli import main
from guard.cli.options import configuration
from guard.config import Limit
from guard.policy.clients import Client
from guard.policy.limits import Limits, Who
from guard.policy.meters import Meters
from guard.policy.table import Table
from tests.cli.measuring import elsewhere, run, taken
from tests.support.admin import admin

WHY = ("--reason", "scraping")


@pytest.mark.parametrize(
    ("arguments", "change"),
    [
        (["account:acme", "requests", "100/min", "burst", "20"],
         {"per": "account", "subject": "acme", "what": "requests", "amount": "100/min", "burst": 20}),
        (["client:app", "tokens", "50000/min"],
         {"per": "client", "subject": "app", "what": "tokens", "amount": "50000/min"}),
        (["client", "cost", "0.5/d"], {"per": "client", "subject": None, "what": "cost", "amount": "0.5/d"}),
        (["address:2001:DB8::1", "requests", "9/month"],
         {"per": "address", "subject": "2001:db8::1", "what": "requests", "amount": "9/month"}),
        (["route:/v1/", "concurrency", "4"],
         {"per": "route", "subject": "/v1/", "what": "concurrency", "amount": "4"}),
        (["model:chat", "requests", "9/s"], {"per": "model", "subject": "chat", "what": "requests", "amount": "9/s"}),
        (["global", "requests", "9/s"], {"per": "global", "subject": None, "what": "requests", "amount": "9/s"}),
    ],
)  # fmt: skip
def test_a_limit_is_written_down(tmp_path, arguments, change):
    """Whose it is, of what, and how much; with who, why and until when, as every measure."""
    result = run(tmp_path, "limit", "set", *arguments, *WHY, "--for", "1d", "--actor", "ann", "--incident", "INC-1")
    assert result.exit_code == 0, result.stderr
    assert " is limited to " in result.stdout
    (record,) = taken(tmp_path)
    assert record["change"] == {"type": "set-limit", **change}
    assert (record["actor"], record["reason"], record["incident"]) == ("ann", "scraping", "INC-1")
    assert record["expires"] == pytest.approx(record["at"] + 86_400, abs=5)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["everybody", "requests", "1/s"], "'everybody' is nobody whom a limit can be for"),
        (["global:all", "requests", "1/s"], "is nobody whom a limit can be for"),
        (["client:", "requests", "1/s"], "is nobody whom a limit can be for"),
        (["client:nobody", "requests", "1/s"], "there is no client 'nobody'"),
        (["account:none", "requests", "1/s"], "there is no account 'none'"),
        (["model:none", "requests", "1/s"], "there is no model 'none'"),
        (["route:/v2/", "requests", "1/s"], "there is no route '/v2/'; there are /v1/"),
        (["address:203.0.113.0/24", "requests", "1/s"], "is a network"),
        (["address:here", "requests", "1/s"], "is no address"),
        (["global", "requests", "0/s"], "'0/s' is no amount of requests"),
        (["global", "tokens", "1.5/s"], "'1.5/s' is no amount of tokens"),
        (["global", "cost", "0/d"], "'0/d' is no amount of cost"),
        (["global", "concurrency", "4/s"], "'4/s' is no amount of concurrency"),
        (["global", "concurrency", "4", "burst", "2"], "a burst belongs to a rate"),
        (["global", "requests", "4/s", "burst"], "there may only stand: burst N"),
        (["global", "requests", "4/s", "burst", "0"], "burst '0': N must be a whole number from 1 to 999,999,999,999"),
        (["global", "requests", "4/s", "burst", "abc"], "burst 'abc': N must be a whole number from 1"),
        (["global", "requests", "4/s", "burst", "1.5"], "burst '1.5': N must be a whole number from 1"),
        (["global", "requests", "4/s", "much", "2"], "there may only stand: burst N"),
        (["global", "water", "4/s"], "'water' is not one of"),
    ],
)
def test_what_makes_no_sense_is_not_written_down(tmp_path, arguments, told):
    """A mistake is told, and changes nothing."""
    result = run(tmp_path, "limit", "set", *arguments, *WHY)
    assert result.exit_code != 0
    assert told in result.stderr
    assert taken(tmp_path) == []


def test_limits_are_taken_back(tmp_path):
    """One of them, or all of one subject; of what is not there that is told."""
    for kind, amount in (("requests", "9/s"), ("tokens", "9/s"), ("cost", "9/d")):
        assert run(tmp_path, "limit", "set", "client:app", kind, amount, *WHY).exit_code == 0
    assert run(tmp_path, "limit", "remove", "client:app", "cost", *WHY).exit_code == 0
    assert "no such limit" in run(tmp_path, "limit", "remove", "client:app", "cost", *WHY).stderr
    assert "no such limit" in run(tmp_path, "limit", "remove", "client", *WHY).stderr
    assert run(tmp_path, "limit", "list").stdout.count("client:app") == 2
    assert run(tmp_path, "limit", "remove", "client:app", *WHY).exit_code == 0
    assert run(tmp_path, "limit", "list").stdout == "no limits\n"


def limited(folder: Path, *arguments: str) -> Result:
    """Run a command with limits in the configuration."""
    run(folder, "limit", "list")
    path = folder / "guard.yaml"
    settings = yaml.safe_load(path.read_text())
    settings["limits"] = [{"per": "client", "requests": "60/min", "burst": 5, "concurrency": 3}]
    path.write_text(yaml.safe_dump(settings))
    return CliRunner().invoke(main, ["limit", *arguments, "--config", str(path)])


def test_all_limits_are_listed(tmp_path):
    """Those of the configuration, and those that were set; JSON has all that is known of them."""
    run(tmp_path, "limit", "set", "client:app", "tokens", "9/s", "--reason", "much\x1b[2J", "--for", "1d")
    lines = limited(tmp_path, "list").stdout.splitlines()
    assert lines[:2] == [
        "client requests 60/min burst 5  of the configuration",
        "client concurrency 3  of the configuration",
    ]
    assert lines[2].startswith("client:app tokens 9/s  since 20")
    assert ", until 20" in lines[2]
    assert lines[2].endswith(": much\\x1b[2J")
    rows = json.loads(limited(tmp_path, "list", "--json").stdout)
    assert rows[0] == {
        "per": "client", "subject": None, "what": "requests", "amount": "60/min", "burst": 5, "by": "configuration",
    }  # fmt: skip
    assert (rows[2]["subject"], rows[2]["by"], rows[2]["burst"]) == ("app", "command", None)


def test_how_much_is_used(tmp_path):
    """As the workers count it, for one subject; nothing where none has counted yet."""
    assert limited(tmp_path, "show", "client:app").stdout.splitlines() == [
        "client:app requests 60/min: 0 used, 5 left",
        "client:app concurrency 3: 0 used, 3 left",
    ]
    settings = configuration(tmp_path / "guard.yaml", keys=False)
    meters = Meters(Table(Path(settings.state) / "limits"))
    for _ in range(2):
        meters.admit(Limits(settings.limits).head, Who("192.0.2.1", Client("app", None), "/v1/", None), meters.now())
    requests, concurrency = json.loads(limited(tmp_path, "show", "client:app", "--json").stdout)
    assert (concurrency["used"], concurrency["left"]) == (2, 1)
    assert requests["used"] == pytest.approx(2, abs=0.5)
    assert limited(tmp_path, "show", "client:@192.0.2.1").stdout.startswith("client:@192.0.2.1 requests 60/min: 0 used")
    assert "expected one of its kind" in limited(tmp_path, "show", "client").stderr
    (Path(settings.state) / "limits" / "table").write_bytes(b"nonsense")
    assert "is no table of limits" in limited(tmp_path, "show", "client:app").stderr


def test_no_limits_are_said_to_be_none(tmp_path):
    """To people; to programs they are an empty list."""
    for words in ("list",), ("show", "global"), ("show", "account:acme"), ("show", "address:192.0.2.1"):
        assert run(tmp_path, "limit", *words).stdout == "no limits\n"
        assert json.loads(run(tmp_path, "limit", *words, "--json").stdout) == []


@pytest.mark.parametrize(
    ("whom", "told"),
    [
        ("account:nobody", "there is no account 'nobody'"),
        ("client:nobody", "there is no client 'nobody'"),
        ("route:/v2/", "there is no route '/v2/'"),
        ("model:none", "there is no model 'none'"),
    ],
)
async def test_who_is_not_there_uses_nothing(tmp_path, whom, told):
    """A name that was mistyped is told, here and by another machine."""
    here = run(tmp_path, "limit", "show", whom)
    async with admin(tmp_path / "there") as api:
        there = await elsewhere(api, "viewer", "limit", "show", whom)
    for result in here, there:
        assert (result.exit_code, result.stdout) == (1, "")
        assert told in result.stderr


async def test_the_limits_of_another_machine(tmp_path):
    """As that machine tells of its own; nothing is asked here."""
    async with admin(tmp_path) as api:
        limits = (Limit(per="client", requests="60/min", burst=5),)
        api.desk.config = replace(api.desk.config, limits=limits)
        await elsewhere(api, "operator", "limit", "set", "account:acme", "cost", "2/d", *WHY)
        configured, ordered = json.loads((await elsewhere(api, "viewer", "limit", "list", "--json")).stdout)
        lines = (await elsewhere(api, "viewer", "limit", "list")).stdout.splitlines()
        used = await elsewhere(api, "viewer", "limit", "show", "account:acme", "--json")
        nobody = await elsewhere(api, "viewer", "limit", "show", "account")
    assert configured == {
        "per": "client", "subject": None, "what": "requests", "amount": "60/min", "burst": 5, "by": "configuration",
    }  # fmt: skip
    assert (ordered["subject"], ordered["by"], ordered["actor"]) == ("acme", "command", "a-operator")
    assert list(ordered) == [
        "per", "subject", "what", "amount", "burst", "by", "version", "at", "actor", "reason", "incident", "expires",
    ]  # fmt: skip
    assert lines[0] == "client requests 60/min burst 5  of the configuration"
    assert lines[1].startswith("account:acme cost 2/d  since 20")
    assert json.loads(used.stdout) == [{"what": "cost", "amount": "2/d", "used": 0.0, "left": 2.0}]
    assert "expected one of its kind" in nobody.stderr
