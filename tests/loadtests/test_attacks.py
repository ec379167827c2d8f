"""Attacks on a real guard, a few and short ones, and what is made of the numbers."""

import json

import pytest
from click.testing import CliRunner

from loadtests.assaults import ATTACKS, Attack, silent
from loadtests.attacks import Result, _faults, _line, main

QUICK = "header fields, endless in number;an endless target;garbage;half-closed in a request;silent connections"


def test_a_guard_under_attack():
    """Each attack comes to what it should; probes are answered meanwhile, and everything is closed behind it."""
    options = ["--seconds", "0.2", "--silent", "50", "--patience", "5", "--only", QUICK, "--json"]
    result = CliRunner().invoke(main, options)
    found = {one["name"]: one for one in json.loads(result.output)}
    assert {name: one["faults"] for name, one in found.items()} == {name: [] for name in QUICK.split(";")}
    assert result.exit_code == 0
    assert list(found["silent connections"]["outcomes"].values()) == [50]
    assert set(found["header fields, endless in number"]["outcomes"]) == {"431"}


def test_unknown_attack_is_refused():
    """An attack that does not exist is named, with those that do."""
    result = CliRunner().invoke(main, ["--only", "sorcery"])
    assert result.exit_code == 2
    assert "'sorcery' is none of: header fields" in result.output


def test_names_are_one_each():
    """An attack is asked for by its name."""
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)


GOOD = Result("x", {"431": 5}, 1_000, (15, 15), 20, 0, 1.5, 0.1, [])
ATTACK = Attack("x", silent, frozenset({"431"}), grows=5_000_000)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, ""),
        ({"outcomes": {"431": 5, "open": 2}}, "2 came to 'open'"),
        ({"grew": 5_000_001}, "grew by more than 5 MB"),
        ({"descriptors": (15, 14)}, ""),
        ({"descriptors": (15, 17)}, "2 descriptors are left open"),
        ({"unanswered": 1}, "1 probes of 20 were not answered in time"),
        ({"probes": 0}, "0 probes of 0 were not answered in time"),
    ],
)
def test_a_broken_promise_is_a_fault(change, says):
    """A wrong end, growth, what is left open, and a probe without an answer are told, and nothing else is."""
    result = GOOD._replace(**change)
    faults = _faults(ATTACK, result)
    assert faults == [says] * bool(says)
    assert _line(result._replace(faults=faults)).startswith("FAIL" if says else "ok")
