"""Limits as they are told."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from guard.config import Config, Limit
from guard.control.desk import Desk, Order, Planned
from guard.control.errors import OrderError
from guard.control.usage import Configured, Use, configured, uses
from guard.policy.clients import Client
from guard.policy.limits import Limits, Who
from guard.policy.meters import Meters
from guard.policy.table import Table
from tests.support.admin import config


def limited(folder: Path) -> Config:
    """Clients by requests and at once, addresses by tokens."""
    limits = (Limit(per="client", requests="60/min", burst=5, concurrency=3), Limit(per="address", tokens="9/s"))
    return replace(config(folder), limits=limits)


def test_those_of_the_configuration(tmp_path):
    """One for each thing that an entry bounds; a burst is of requests."""
    assert configured(limited(tmp_path)) == [
        Configured("client", None, "requests", "60/min", 5),
        Configured("client", None, "concurrency", "3", None),
        Configured("address", None, "tokens", "9/s", None),
    ]


def test_how_much_is_used(tmp_path):
    """Of each limit that holds somebody, those that were ordered too; nothing where none has counted yet."""
    settings = limited(tmp_path)
    desk = Desk(settings)
    desk.journal.mkdir(parents=True)
    change = {"type": "set-limit", "per": "client", "subject": "web", "what": "cost", "amount": "2/d"}
    desk.place(Order([Planned(change)], "r"))
    with desk.state() as state:
        ordered = list(state.limits.values())
    assert uses(settings, ordered, "client", "web") == [
        Use("requests", "60/min", 0.0, 5.0),
        Use("concurrency", "3", 0.0, 3.0),
        Use("cost", "2/d", 0.0, 2.0),
    ]
    assert [one.what for one in uses(settings, ordered, "client", "@192.0.2.1")] == ["requests", "concurrency"]
    assert uses(settings, ordered, "global", None) == []
    meters = Meters(Table(tmp_path / "limits"))
    for _ in range(2):
        meters.admit(Limits(settings.limits).head, Who("192.0.2.1", Client("web", None), "/v1/", None), meters.now())
    requests, at_once, _ = uses(settings, ordered, "client", "web")
    assert requests.used == pytest.approx(2, abs=0.5)
    assert (at_once.used, at_once.left) == (2, 1)


def test_an_address_is_counted_with_its_household(tmp_path):
    """However it is spelled."""
    assert [one.what for one in uses(limited(tmp_path), [], "address", "2001:DB8:0::1")] == ["tokens"]


@pytest.mark.parametrize(
    ("per", "subject", "told"),
    [
        ("client", None, "client is not one of its kind"),
        ("global", "x", "global is not one of its kind"),
        ("address", "203.0.113.0/24", "is a network"),
        ("address", "here", "is no address"),
    ],
)
def test_who_is_nobody_uses_nothing(tmp_path, per, subject, told):
    """It is told what is wrong."""
    with pytest.raises(OrderError, match=told):
        uses(config(tmp_path), [], per, subject)
