"""Which callers there are."""

from msgspec.structs import replace

from guard.config import Client, Identify
from guard.control.callers import Known, known
from tests.support.admin import config


def test_they_are_those_of_the_configuration(tmp_path):
    """Also such without an account."""
    given = config(tmp_path)
    assert known(given) == Known(frozenset({"web"}), frozenset({"acme"}), True, ())
    alone = replace(given, clients={"app": Client(key="k")}, identify=Identify(trusted_proxies=("10.0.0.0/8",)))
    assert known(alone) == Known(frozenset({"app"}), frozenset(), False, ("10.0.0.0/8",))
