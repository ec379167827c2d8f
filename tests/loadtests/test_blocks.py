"""What blocks cost, in small."""

import json
from ipaddress import ip_network
from random import Random

from click.testing import CliRunner

from loadtests.blocks import main, networks


def test_a_list_is_the_same_for_the_same_seed():
    """Different networks of both families, and none that an import would refuse."""
    listed = networks(500, Random(3))
    assert listed == networks(500, Random(3))
    assert len(set(listed)) == 500
    assert {ip_network(one).version for one in listed} == {4, 6}
    assert not any(ip_network(one).is_loopback for one in listed)


def test_it_is_measured():
    """All parts of it, with a guard of two workers."""
    words = ["--count", "300", "--workers", "2", "--rounds", "1", "--more", "2", "--lasts", "3", "--json"]
    result = CliRunner().invoke(main, words)
    report = json.loads(result.stdout)
    assert report["path_us"].keys() == {"seen", "new"}
    assert report["path_us"]["new"]["all"] > 0
    assert report["in_force"]["late"] == 0
    assert report["in_force"]["import"] > 0
    assert report["in_force"]["one"].keys() == {"before", "after", "less", "over"}
    assert report["in_force"]["probe_ms"].keys() == {"before", "import", "after", "over"}
    assert report["in_force"]["worker_mb"]["most"] > 10
