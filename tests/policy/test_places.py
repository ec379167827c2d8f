from pathlib import Path
from typing import Any

from guard import config
from guard.measures import AddedLimit
from guard.policy import places
from guard.policy.clients import Client
from guard.policy.limits import Limits, Who
from guard.policy.places import Finder, Plans
from guard.policy.spare import Spare
from guard.policy.table import Table

ONE = Who("192.0.2.1", Client("app", "acme"), "/v1/", "chat")


def bounds(*entries: Any, added: Any = ()) -> Limits:
    """The limits of these entries of a configuration, and those set by command."""
    return Limits([config.Limit(**entry) for entry in entries], added)


def test_each_thing_is_counted_once_for_a_caller():
    """Of several bounds on the same the smallest holds; what is not about the caller has no place."""
    added = [
        AddedLimit("account", "acme", "concurrency", "2", None),
        AddedLimit("account", "x", "concurrency", "1", None),
    ]
    limits = bounds(
        {"per": "client", "requests": "10/s"},
        {"per": "account", "concurrency": 4},
        {"per": "global", "concurrency": 9},
        added=added,
    )
    client, account, most, *_ = limits.all
    found = Plans(Spare()).places(limits.head, ONE)
    assert [(place.limit.key, place.subject, place.limit.quota) for place in found] == [
        (client.key, "app", 10.0),
        (account.key, "acme", 2.0),
        (most.key, "", 9.0),
    ]


def test_places_are_remembered_for_one_set_of_limits(monkeypatch):
    """Others begin anew, and so do too many callers."""
    monkeypatch.setattr(places, "REMEMBERED", 2)
    limits, plans = bounds({"per": "address", "concurrency": 4}), Plans(Spare())
    first = plans.places(limits.head, ONE)
    assert plans.places(limits.head, ONE) is first
    assert plans.places(bounds({"per": "address", "concurrency": 4}).head, ONE) is not first
    first = plans.places(limits.head, ONE)
    for number in range(3):
        plans.places(limits.head, ONE._replace(address=f"192.0.2.{number + 2}"))
    assert plans.places(limits.head, ONE) is not first


def test_what_has_no_room_is_counted_by_the_process_until_there_is_some(tmp_path: Path, caplog):
    """It takes along what was counted meanwhile; it is said once."""
    limits = bounds({"per": "address", "requests": "1/s", "burst": 5})
    clock = [5.0]
    table = Table(tmp_path, cells=1, clock=lambda: clock[0])
    spare = Spare()
    finder, plans = Finder(spare), Plans(table)
    many = [plans.places(limits.head, ONE._replace(address=f"192.0.2.{number}"))[0] for number in range(40)]
    for place in many:
        cells, index = finder.find(place, table, table.now(), locked=True)
        cells.tat[index] = table.now() + 3.0
    assert len(finder.strays) == 40 - 32
    assert caplog.messages == [
        "the table of limits is full: each worker holds further callers to their limits by itself"
    ]
    stray = finder.strays[0]
    assert stray.cells is spare
    clock[0] += 2.0
    spare.tat[stray.name] = table.now() + 2.5
    clock[0] += 1.5
    finder.send_back(table)
    assert finder.find(stray, table, table.now(), locked=True)[0] is table
    assert table.tat[stray.index] == table.now() + 1.0
    table.close()
