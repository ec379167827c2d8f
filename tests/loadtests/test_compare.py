"""What the comparison makes of its samples."""

import pytest
from click.testing import CliRunner

from loadtests import wrk
from loadtests.compare import _report, main


def samples(*rates):
    """One peer's rounds, with so many requests a second each."""
    rounds = [wrk.Sample(requests=rate, seconds=1.0, errors=0, p50_us=100, p99_us=200) for rate in rates]
    return [{32: sample, 1: sample} for sample in rounds]


def test_ratio_is_of_medians_and_told_by_round():
    """The guard's share of Envoy is the ratio of medians, with each round's own beside it."""
    report = _report({"envoy": samples(100, 110, 90), "guard": samples(120, 110, 99)}, busy=0.0)
    assert report["peers"]["guard"]["of_envoy"] == {"median": 1.1, "rounds": [1.2, 1.0, 1.1]}
    assert report["doubts"] == []


def test_without_envoy_there_is_no_ratio():
    """Peers measured without Envoy have rates only."""
    assert "of_envoy" not in _report({"guard": samples(1, 1, 1)}, busy=0.0)["peers"]["guard"]


@pytest.mark.parametrize(
    ("rates", "busy", "says"),
    [((100, 100), 2.0, "was busy before"), ((100, 79), 0.0, "rounds from 79 to 100"), ((100, 80), 0.5, "")],
)
def test_doubts_are_told(rates, busy, says):
    """Numbers from a machine that was busy, before or meanwhile, come with the doubt."""
    assert says in " ".join(_report({"guard": samples(*rates)}, busy)["doubts"])
    assert bool(says) == bool(_report({"guard": samples(*rates)}, busy)["doubts"])


def test_unknown_peer_is_refused():
    """A peer that does not exist is named, with those that do."""
    result = CliRunner().invoke(main, ["--only", "envoy,apache"])
    assert result.exit_code == 2
    assert "'apache' is none of envoy, nginx, prototype, guard" in result.output
